import { createHash } from 'node:crypto';
import { busyboxApplets } from '../busybox.js';
import { FileTree } from '../tree.js';
import { writeTar } from './tar.js';

/** Name by which the engine knows the image. */
const imageTag = 'boardrig/base:latest';

/** The board's engine takes the image for healthy while this file is there. */
const healthFile = '/tmp/healthy';

const nanoseconds = 1_000_000_000;

/**
 * A container image of Debian's busybox as `docker load` takes it (Docker Image Specification v1.2): one layer, a
 * configuration and a manifest, the same bytes from the same busybox.
 */
export function containerImage({
  busybox,
  version,
}: {
  readonly busybox: Buffer;
  readonly version: string;
}): Buffer {
  const root = new FileTree();
  root.file('bin/busybox', { data: busybox }, { mode: 0o755 });
  for (const applet of busyboxApplets(busybox))
    if (applet !== 'busybox') root.link(`bin/${applet}`, 'busybox');
  root.directory('tmp', { mode: 0o1777 }).file(healthFile.slice(1), '');
  root.directory('root', { mode: 0o700 });
  for (const path of ['dev', 'proc', 'sys', 'run']) root.directory(path);
  root.file('etc/passwd', 'root:x:0:0:root:/root:/bin/sh\n').file('etc/group', 'root:x:0:\n');
  const layer = writeTar(root);
  const config = JSON.stringify({
    architecture: 'amd64',
    os: 'linux',
    created: '2025-01-01T00:00:00Z',
    config: {
      Cmd: ['sleep', '2147483647'],
      Env: ['PATH=/bin'],
      Labels: { 'boardrig.version': version },
      StopSignal: 'SIGKILL',
      Healthcheck: {
        Test: ['CMD', 'test', '-e', healthFile],
        Interval: 5 * nanoseconds,
        Timeout: 30 * nanoseconds,
        Retries: 2,
      },
    },
    rootfs: { type: 'layers', diff_ids: [`sha256:${sha256(layer)}`] },
    history: [{ created: '2025-01-01T00:00:00Z', created_by: "boardrig, from Debian's busybox-static" }],
  });
  const configName = `${sha256(Buffer.from(config))}.json`;
  const archive = new FileTree();
  archive.file('layer/layer.tar', { data: layer }).file(configName, config);
  const manifest = [{ Config: configName, RepoTags: [imageTag], Layers: ['layer/layer.tar'] }];
  archive.file('manifest.json', JSON.stringify(manifest));
  return writeTar(archive);
}

function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}
