import { readMoment } from './moment.js';

const now = new Date('2026-01-02T00:00:00Z');

describe('moments', () => {
  it.each([
    ['1767312000', '2026-01-02T00:00:00.000Z'],
    ['2026-01-01T12:00:00Z', '2026-01-01T12:00:00.000Z'],
    ['10m', '2026-01-01T23:50:00.000Z'],
    ['1h30m', '2026-01-01T22:30:00.000Z'],
    ['2d', '2025-12-31T00:00:00.000Z'],
  ])('reads %s', (text, at) => {
    expect(readMoment(text, now).toISOString()).toBe(at);
  });

  it('refuses what is no time', () => {
    expect(() => readMoment('soon')).toThrow('"soon" is no time');
  });
});
