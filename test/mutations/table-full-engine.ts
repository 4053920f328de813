import type { Batch } from './mutation.js';

const daemon = '/etc/docker/daemon.json';
const service = '/usr/lib/systemd/system/docker.service';
const openRuntime = '/usr/lib/boardrig/open-runc';
const withoutFilter = `#!/bin/sh
for word; do
  [ ! -f "$word/config.json" ] || sed -i 's/"seccomp":{/"unfiltered":{/' "$word/config.json"
done
exec runc "$@"
`;

export const engineBatches: readonly Batch[] = [
  {
    name: 'full-engine',
    base: 'full+engine',
    select: { tier: 'nightly', only: /^(engine\/|resilience\/an engine)/ },
    breakages: [
      {
        name: 'unfiltered-container',
        breaks: 'containers may call the kernel as they like',
        // The engine of Debian 12 takes a profile from a file alone, and every profile is a filter: its runtime gets none.
        apply: async (image) => {
          await image.addToRoot(openRuntime, { content: withoutFilter, mode: 0o755 });
          await image.editRoot(
            daemon,
            '{\n',
            `{\n  "runtimes": { "open": { "path": "${openRuntime}" } },\n  "default-runtime": "open",\n`,
          );
        },
        fails: { 'engine/runs a container apart from the system': /its system calls are filtered/ },
      },
      {
        name: 'container-name-server',
        breaks: 'containers ask a name server that is not there',
        apply: (image) => image.editRoot(daemon, '"dns": ["10.114.102.1"]', '"dns": ["10.114.102.9"]'),
        fails: {
          "engine/a container resolves names by the board's resolver, and its words are in the journal":
            /it asks this one by itself/,
        },
      },
      {
        name: 'no-health-check',
        breaks: 'the image of the containers has no health check',
        apply: (image) =>
          image.editRoot(
            '/usr/lib/boardrig/engine-image',
            'exec docker load -q -i /usr/share/boardrig/container-image.tar',
            "docker load -q -i /usr/share/boardrig/container-image.tar\ndocker create --name mutant boardrig/base:latest && docker commit --change 'HEALTHCHECK NONE' mutant boardrig/base:latest",
          ),
        fails: {
          'engine/a container whose health check fails is unhealthy': /The container is healthy: not within/,
        },
      },
      {
        name: 'engine-stays-dead',
        breaks: 'the engine is not started again, whatever ended it',
        apply: (image) => image.editRoot(service, 'Restart=always', 'Restart=no'),
        fails: {
          'engine/a runtime that hangs is restarted by its watchdog': /has another process: not within/,
          'resilience/an engine that is killed comes back, and its containers with it':
            /has another process: not within/,
        },
      },
      {
        name: 'engine-port',
        breaks: 'the engine listens to another port',
        apply: (image) =>
          image.editRoot(
            '/usr/lib/systemd/system/docker.socket.d/dev.conf',
            'ListenStream=2377',
            'ListenStream=2378',
          ),
        fails: {
          'engine/dev: the engine can be driven from outside': /The engine answers over TCP: not within/,
        },
      },
      {
        name: 'engine-data-in-memory',
        breaks: "the engine's data lies in memory",
        apply: (image) => image.editRoot(daemon, '/mnt/data/docker"', '/run/docker-data"'),
        fails: { 'engine/keeps its data on the data partition, over a reboot': /is on the data partition/ },
      },
    ],
  },
  {
    name: 'full-engine-watchdog',
    base: 'full+engine',
    select: { tier: 'nightly', only: /^engine\/(a runtime|runs)/ },
    breakages: [
      {
        name: 'engine-unwatched',
        breaks: 'nobody watches the engine',
        apply: (image) => image.editRoot(service, 'WatchdogSec=60\n', ''),
        fails: {
          'engine/a runtime that hangs is restarted by its watchdog': /has another process: not within/,
        },
      },
    ],
  },
];
