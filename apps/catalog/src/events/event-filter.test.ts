import type { EventRow } from '@entrepot/database';
import { Filters } from '../docker-engine/filters.js';
import { passesFilters } from './event-filter.js';

const id = `sha256:${'ab'.repeat(32)}`;

function event(fields: Partial<EventRow>): EventRow {
  const place = { id: 1, at: new Date(0), atNano: '0', caller: null };
  return { ...place, type: 'image', action: 'tag', actorId: id, attributes: {}, ...fields };
}

describe('event filters', () => {
  const tag = event({ attributes: { name: 'demo/app:1', tier: 'app' } });
  const pull = event({ action: 'pull', actorId: 'reg:5000/tiny:1', attributes: { name: 'reg:5000/tiny' } });
  const create = event({
    type: 'container',
    action: 'create',
    actorId: 'c0ffee',
    attributes: { image: 'demo/app:1', name: 'c1' },
  });

  it.each<[key: string, values: string[], passes: EventRow[]]>([
    ['type', ['image'], [tag, pull]],
    ['event', ['pull', 'create'], [pull, create]],
    ['image', ['demo/app:1'], [tag, create]],
    ['image', ['demo/app'], [tag, create]],
    ['image', [id], [tag]],
    ['image', ['reg:5000/tiny:1'], [pull]],
    ['image', ['reg:5000/tiny'], [pull]],
    ['image', ['reg'], []],
    ['container', ['c0f'], [create]],
    ['container', ['c1'], [create]],
    ['label', ['tier'], [tag]],
    ['label', ['tier=app', 'name'], [tag]],
    ['label', ['tier=web'], []],
    ['scope', ['local'], [tag, pull, create]],
    ['scope', ['swarm'], []],
  ])('%s=%p', (key, values, passes) => {
    const filters = new Filters(new Map([[key, values]]));
    expect([tag, pull, create].filter((row) => passesFilters(row, filters))).toEqual(passes);
  });

  it('wants every key to pass', () => {
    const filters = new Filters(
      new Map([
        ['type', ['image']],
        ['event', ['create']],
      ]),
    );
    expect([tag, pull, create].some((row) => passesFilters(row, filters))).toBe(false);
  });
});
