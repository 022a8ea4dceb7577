import type { EventRow } from '@entrepot/database';
import type { Filters } from '../docker-engine/filters.js';

/** The keys that `docker events --filter` knows. */
export const eventKeys = [
  ...['config', 'container', 'daemon', 'event', 'image', 'label', 'network', 'node', 'plugin', 'scope', 'secret'],
  ...['service', 'type', 'volume'],
] as const;

/** Whether an event passes, by dockerd's rules; every key must pass, with any of its values (labels: with all). */
export function passesFilters(event: EventRow, filters: Filters): boolean {
  return (
    isAmong(filters, 'type', event.type) &&
    isAmong(filters, 'event', event.action) &&
    isAmong(filters, 'scope', 'local') &&
    begins(filters, 'daemon', 'entrepot') &&
    ['config', 'container', 'network', 'node', 'plugin', 'secret', 'service', 'volume'].every((kind) =>
      begins(filters, kind, event.actorId, event.attributes.name),
    ) &&
    isOfImage(event, filters) &&
    hasLabels(event, filters)
  );
}

function isAmong(filters: Filters, key: string, ...texts: (string | undefined)[]): boolean {
  return !filters.has(key) || texts.some((text) => text !== undefined && filters.values(key).includes(text));
}

function begins(filters: Filters, key: string, ...texts: (string | undefined)[]): boolean {
  return !filters.has(key) || filters.values(key).some((start) => texts.some((text) => text?.startsWith(start)));
}

/** Also the events of containers of that image; with or without its tag. */
function isOfImage({ type, actorId, attributes }: EventRow, filters: Filters): boolean {
  const name = type === 'image' ? attributes.name : attributes.image;
  return isAmong(filters, 'image', actorId, name, withoutTag(actorId), name && withoutTag(name));
}

function withoutTag(name: string): string {
  return name.replace(/(?<!^sha256):[^/:@]*$/, '');
}

function hasLabels({ attributes }: EventRow, filters: Filters): boolean {
  return filters.labels('label').every(({ key, value }) => {
    const actual = attributes[key];
    return actual !== undefined && (value === undefined || actual === value);
  });
}
