import { statementNames } from './statement-name.js';

describe('the names of statements', () => {
  it('are the same for the same text, and short enough for PostgreSQL', () => {
    const nameOf = statementNames();
    const name = nameOf({ sql: 'select $1::int' });
    expect(name).toMatch(/^[a-z0-9]{1,63}$/);
    expect(nameOf({ sql: 'select $1::int' })).toBe(name);
    expect(nameOf({ sql: 'select $1::text' })).not.toBe(name);
  });

  it('are not given without end', () => {
    const nameOf = statementNames();
    const first = nameOf({ sql: 'select 0' });
    for (let i = 1; i < 5_000; i += 1) nameOf({ sql: `select ${i}` });
    expect(nameOf({ sql: 'select 5000' })).toBe('');
    expect(nameOf({ sql: 'select 0' })).toBe(first);
  });
});
