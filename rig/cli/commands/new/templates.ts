import type { Architecture } from '../../../contracts/board.js';

/** A board type with what every board has; the rest is in docs/add-a-board.md. */
export function boardTemplate({ name, arch }: { name: string; arch: Architecture }): string {
  return `# What all boards of this type have in common. Every key: docs/add-a-board.md
summary: ${name}
arch: ${arch}
capabilities: [power, console]
# What the console shows when each stage begins; copy it from a log of your board.
signatures:
  kernel: { literal: 'Booting Linux on physical CPU' }
  login: { literal: 'login: ' }
# Allowed time since power-on.
budgets: { kernel: 30s, shell: 120s }
`;
}

export function labTemplate(name: string): string {
  return `boards:
  ${name}:
    type: ./${name}.yaml
    drivers:
      # Every driver and its options: docs/lab-file.md
      power: { driver: power-manual }
      console:
        driver: console-serial
        path: /dev/serial/by-id/SET-THIS
`;
}

export function suiteTemplate(name: string): string {
  return `import { suite, type TestContext } from 'boardrig';

export default suite('${name}', { summary: 'What ${name} promises.', needs: ['shell'] }, (test) => {
  test('answers on its shell', async (t: TestContext) => {
    const kernel = await t.step('Ask for the kernel', () => t.board.shell.text('uname -s'));
    t.equal(kernel, 'Linux', 'it runs Linux');
  });
});
`;
}
