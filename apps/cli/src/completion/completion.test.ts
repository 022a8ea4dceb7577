import { spawnSync } from 'node:child_process';
import { PassThrough } from 'node:stream';
import { createProgram } from '../program.js';
import { completionScript } from './scripts.js';
import { collectWords } from './words.js';

const program = createProgram({
  client: () => {
    throw new Error('nobody is asked');
  },
  stdin: new PassThrough(),
  stdout: new PassThrough(),
  stderr: new PassThrough(),
  signal: new AbortController().signal,
});
const words = collectWords(program);

/** What bash offers after the given words; the last one is being typed. */
function completions(...line: string[]): string[] {
  const script = `${completionScript('bash', 'entrepot', words)}
COMP_WORDS=(entrepot ${line.map((word) => `'${word}'`).join(' ')}); COMP_CWORD=${line.length}
_entrepot; printf '%s\\n' "\${COMPREPLY[@]}"`;
  const { stdout, stderr } = spawnSync('bash', ['--norc', '-c', script], { encoding: 'utf8' });
  expect(stderr).toBe('');
  return stdout.split('\n').filter(Boolean);
}

describe('completion', () => {
  it('offers commands, and flags of the command on the line', () => {
    expect(completions('im')).toEqual(['images']);
    expect(completions('images', '--dig')).toEqual(['--digests']);
    expect(completions('images', '--nothing')).toEqual([]);
    expect(completions('batch', 'pri')).toEqual(['priority']);
  });

  it('offers the values that a flag takes, and leaves files to the shell', () => {
    expect(completions('pull', '--priority', '')).toEqual(['low', 'normal', 'high']);
    expect(completions('pull', '-a', '--on-interrupt', 'd')).toEqual(['detach']);
    expect(completions('load', '-i', '')).toEqual([]);
    expect(completionScript('fish', 'entrepot', words)).toContain("-l priority -x -a 'low normal high' -d");
  });

  it('is a script that bash and zsh can read, and lines for fish', () => {
    for (const shell of ['bash', 'zsh'] as const) {
      const { status, stderr } = spawnSync('bash', ['-n'], {
        input: completionScript(shell, 'entrepot', words),
        encoding: 'utf8',
      });
      expect([status, stderr]).toEqual([0, '']);
    }
    expect(completionScript('fish', 'entrepot', words)).toContain(
      "complete -c entrepot -n '__fish_seen_subcommand_from images' -l digests",
    );
  });
});
