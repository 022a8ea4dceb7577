import { formatList, type ListShape } from './list.js';

interface Fruit {
  name: string;
  grams: number;
}

const shape: ListShape<Fruit> = {
  row: ({ name, grams }) => ({ Name: name, Weight: `${grams}g` }),
  headers: { Name: 'FRUIT', Weight: 'WEIGHT' },
  table: '{{.Name}}\t{{.Weight}}',
  quietField: 'Name',
};
const fruits = [
  { name: 'apple', grams: 150 },
  { name: 'watermelon', grams: 5_000 },
];

describe('lists', () => {
  it('align like docker: ten characters at least, three spaces between', () => {
    expect(formatList(fruits, shape, {})).toBe('FRUIT        WEIGHT\napple        150g\nwatermelon   5000g\n');
    expect(formatList([], shape, {})).toBe('FRUIT     WEIGHT\n');
  });

  it('take a table of other columns, a plain template, json, or only names', () => {
    expect(formatList(fruits, shape, { format: 'table {{.Weight}}\\t{{.Name}}' })).toContain(
      'WEIGHT    FRUIT\n150g      apple\n',
    );
    expect(formatList(fruits, shape, { format: '{{.Name}}={{.Weight}}' })).toBe('apple=150g\nwatermelon=5000g\n');
    expect(formatList(fruits, shape, { format: 'json' })).toContain('{"Name":"apple","Weight":"150g"}\n');
    expect(formatList(fruits, shape, { quiet: true })).toBe('apple\nwatermelon\n');
    expect(JSON.parse(formatList(fruits, shape, { json: true }))).toEqual(fruits);
  });

  it('refuse a template that names what is not there', () => {
    expect(() => formatList(fruits, shape, { format: '{{.Colour}}' })).toThrow('no entry for key "Colour"');
  });
});
