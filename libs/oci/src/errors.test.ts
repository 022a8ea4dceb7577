import { InvalidDigestError } from './digest.js';
import { isCodedError } from './errors.js';

it.each<[string, unknown, boolean]>([
  ['an error of ours', new InvalidDigestError('x', 'y'), true],
  ["Node's error with a code", Object.assign(new Error('x'), { code: 'ENOENT' }), false],
  ['a plain error', new Error('x'), false],
  ['a code that is a number', Object.assign(new Error('x'), { code: 1, retryable: true }), false],
  ['an object that is no error', { code: 'X', retryable: true }, false],
  ['nothing', null, false],
])('isCodedError of %s', (_, error, expected) => {
  expect(isCodedError(error)).toBe(expected);
});
