import { modeText } from './ls.js';

describe('modes', () => {
  it.each([
    [0o644, 'rw-r--r--'],
    [0o4755, 'rwsr-xr-x'],
    [0o2644, 'rw-r-Sr--'],
    [0o1777, 'rwxrwxrwt'],
    [0, '---------'],
  ])('%o is %s', (mode, text) => {
    expect(modeText(mode)).toBe(text);
  });
});
