// What a person sees: commands, their output, and whether each step did what it should.
const colour = process.stdout.isTTY && !process.env.NO_COLOR;
const paint = (code, text) => (colour ? `\u001b[${code}m${text}\u001b[0m` : text);

export const title = (text) => console.log(`\n${paint('1', text)}`);
export const note = (text) => console.log(paint('2', text));
export const command = (text) => console.log(`${paint('36', '$')} ${text}`);
export const output = (text) => console.log(text.trimEnd().replace(/^/gm, '  '));

/** Ends the demo with exit code 1 when the step did not do what it should. */
export class StepFailed extends Error {}

export function check(what, holds, seen = '') {
  if (!holds) throw new StepFailed(`${what}${seen ? `: ${seen}` : ''}`);
  console.log(`  ${paint('32', '✓')} ${what}`);
}

export const megabytes = (bytes) => `${(bytes / 1e6).toFixed(1)} MB`;
export const seconds = (ms) => `${(ms / 1000).toFixed(2)} s`;
