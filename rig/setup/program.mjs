// Running other programs, for set-up: before `npm ci` there is no execa.
import { spawn } from 'node:child_process';
import { accessSync, constants, existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';

const keptLines = 12;
// Administrators' programs (mkfs.vfat, sfdisk) are in folders that a normal user's PATH on Debian leaves out.
const administratorFolders = ['/usr/sbin', '/sbin'];

/** Whether `name` is a program on PATH or, when it begins with a slash, a file. */
export function isThere(name, path = process.env.PATH ?? '') {
  if (name.startsWith('/')) return existsSync(name);
  return [...path.split(delimiter), ...administratorFolders].some((folder) =>
    isExecutable(join(folder, name)),
  );
}

/** Whether `name` is a program on PATH itself. */
export function isOnPath(name, path = process.env.PATH ?? '') {
  return path.split(delimiter).some((folder) => isExecutable(join(folder, name)));
}

function isExecutable(file) {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/**
 * Runs a program to its end.
 *
 * @param {readonly string[]} command program and arguments
 * @param {{ env?: Record<string, string>, cwd?: string, onLine?: (line: string) => void }} [options] `onLine` gets
 *   each line of both outputs
 * @returns {Promise<{ exitCode: number | null, stdout: string, lastLines: string[] }>} `exitCode` null: it could not
 *   be started, or a signal ended it
 */
export function runProgram([program, ...args], { env = {}, cwd, onLine } = {}) {
  return new Promise((resolve) => {
    const child = spawn(program, args, {
      cwd,
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const lastLines = [];
    let stdout = '';
    const take = (line) => {
      if (line.trim() === '') return;
      lastLines.push(line);
      if (lastLines.length > keptLines) lastLines.shift();
      onLine?.(line);
    };
    for (const stream of [child.stdout, child.stderr]) {
      let rest = '';
      stream.setEncoding('utf8');
      stream.on('data', (text) => {
        if (stream === child.stdout) stdout += text;
        const lines = (rest + text).split(/[\r\n]+/);
        rest = lines.pop() ?? '';
        for (const line of lines) take(line);
      });
      stream.on('end', () => take(rest));
    }
    child.on('error', (error) =>
      resolve({ exitCode: null, stdout, lastLines: [...lastLines, error.message] }),
    );
    child.on('close', (code) => resolve({ exitCode: code, stdout, lastLines }));
  });
}
