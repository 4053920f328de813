// A suite of one test, run by `rig run` in the controller's own process. It notes what that process and QEMU have
// used at the very moment when the controller writes the event of the stage `shell` to its log, before it goes on.
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { suite } from 'boardrig';

const write = fs.writeSync;
const reached = Buffer.from('"stage":"shell"');
fs.writeSync = (file, bytes, ...rest) => {
  const written = write(file, bytes, ...rest);
  if (Buffer.isBuffer(bytes) && bytes.includes(reached)) {
    fs.writeSync = write;
    syncBuiltinESMExports();
    note();
  }
  return written;
};
syncBuiltinESMExports();

function note() {
  const { user, system } = process.cpuUsage();
  const stat = (pid) => fs.readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = (pid) =>
    stat(pid)
      .replace(/^.*\) /s, '')
      .split(' ');
  const [qemu] = fs
    .readFileSync(`/proc/self/task/${process.pid}/children`, 'utf8')
    .trim()
    .split(' ')
    .filter((pid) => stat(pid).includes('(qemu-system'));
  // Fields 14 and 15 of proc(5): user and system time, in ticks of 1/100 s; 16 and 17: of children that ended.
  const own = fields('self');
  const guest = fields(qemu);
  const usage = {
    controllerSeconds: (user + system) / 1e6,
    programsSeconds: (Number(own[13]) + Number(own[14])) / 100,
    qemuSeconds: (Number(guest[11]) + Number(guest[12])) / 100,
  };
  fs.writeFileSync(process.env.BENCH_USAGE, JSON.stringify(usage));
}

export default suite('first-prompt', {
  summary: 'The board reaches its prompt.',
  needs: ['shell'],
}, (test) => {
  test('reached', { from: 'shell' }, (t) => t.pass('the board reached its prompt'));
});
