// A layer is read from its beginning, so whoever wants many of its files has to take them in its order. A tree has them
// in another order, and has no room for a list of all.
import { Pause } from './pause.js';

/** When an item has its turn: before all contents, with a content that lies there, or after all contents. */
export type Turn = 'first' | number | 'last';

const sampledShare = 1 / 64;
const everything: [number, number] = [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY];

/** The turn of a content by its layer and its place there; offsets are below 2⁴⁵, layers below 256. */
export const contentTurn = (layer: number, offsetBytes: number): Turn => layer * 2 ** 45 + offsetBytes;

/**
 * Items in their turns, and within a turn as they come. `items` begins anew each time, and gives the same: once more where
 * the contents come in their turns already, else once more for each `atOnce` of them, of which about so many are held.
 */
export async function* inReadingOrder<T>(
  items: () => Iterable<T>,
  turnOf: (item: T) => Turn,
  { atOnce = 40_000 } = {},
): AsyncGenerator<T> {
  const seen = { contents: 0, latest: Number.NEGATIVE_INFINITY, isInOrder: true, hasLast: false };
  const sample: number[] = [];
  const note = (turn: Turn): boolean => {
    if (typeof turn === 'number') {
      seen.contents += 1;
      seen.isInOrder &&= turn >= seen.latest;
      seen.latest = turn;
      if (Math.random() < sampledShare) sample.push(turn);
    }
    seen.hasLast ||= turn === 'last';
    return turn === 'first';
  };
  yield* chosen(items, turnOf, note);
  if (seen.isInOrder) yield* chosen(items, turnOf, (turn) => typeof turn === 'number');
  else yield* inRanges(items, turnOf, seen.contents > atOnce ? rangesOf(sample, atOnce) : [everything]);
  if (seen.hasLast) yield* chosen(items, turnOf, (turn) => turn === 'last');
}

async function* inRanges<T>(
  items: () => Iterable<T>,
  turnOf: (item: T) => Turn,
  ranges: readonly [number, number][],
): AsyncGenerator<T> {
  for (const [from, to] of ranges) {
    const isInside = (turn: Turn): boolean => typeof turn === 'number' && turn >= from && turn < to;
    const held: T[] = [];
    for await (const item of chosen(items, turnOf, isInside)) held.push(item);
    yield* byTurn(held, turnOf);
  }
}

async function* chosen<T>(
  items: () => Iterable<T>,
  turnOf: (item: T) => Turn,
  isChosen: (turn: Turn) => boolean,
): AsyncGenerator<T> {
  const pause = new Pause();
  for (const item of items()) {
    if (pause.isDue) await pause.take();
    if (isChosen(turnOf(item))) yield item;
  }
}

/** Ranges of turns that have some `atOnce` contents each, going by a sample; together they are all numbers. */
function rangesOf(sample: number[], atOnce: number): [number, number][] {
  const step = Math.max(1, Math.floor(atOnce * sampledShare));
  const bounds = sample.sort((a, b) => a - b).filter((_, index) => index % step === 0);
  bounds[0] = everything[0];
  return bounds.map((from, index) => [from, bounds[index + 1] ?? everything[1]]);
}

const byTurn = <T>(items: T[], turnOf: (item: T) => Turn): T[] =>
  items.sort((a, b) => (turnOf(a) as number) - (turnOf(b) as number));
