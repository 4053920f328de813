import { join } from 'node:path';
import type { NightReport } from '../../rig/contracts/night.js';
import { writeReport } from '../write.js';
import { nightJunit } from './junit.js';
import { nightPage } from './page.js';

/**
 * Writes the reports of a night into its folder.
 *
 * @param options.junit a second copy of the JUnit report, for a CI server
 * @throws RigError `report.unwritable`
 */
export async function writeNightReports(
  dir: string,
  report: NightReport,
  options: { readonly junit?: string } = {},
): Promise<{ readonly html: string; readonly junit: string }> {
  const paths = { html: join(dir, 'report.html'), junit: join(dir, 'junit.xml') };
  const junit = nightJunit(report);
  await writeReport(paths.junit, junit);
  await writeReport(paths.html, nightPage(report));
  if (options.junit !== undefined) await writeReport(options.junit, junit);
  return paths;
}
