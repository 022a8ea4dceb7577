import { isIPv4, isIPv6 } from 'node:net';

/** Where an address leads: the internet, a network of ours, this machine, or nowhere we should go. */
export type AddressClass = 'public' | 'private' | 'loopback' | 'forbidden';

/**
 * Classifies an IP address. IPv6 forms that carry an IPv4 address are what that
 * one is (mapped, NAT64) or forbidden (6to4, Teredo, local NAT64 and the rest,
 * where nothing good can be meant). Link-local is forbidden: cloud metadata lives there.
 */
export function classifyAddress(address: string): AddressClass {
  const [plain = ''] = address.split('%');
  if (isIPv4(plain)) return classify(plain.split('.').map(Number), v4Ranges, 'public');
  if (!isIPv6(plain)) return 'forbidden';
  const bytes = ipv6Bytes(plain);
  if (carriesV4(bytes)) return classify(bytes.slice(12), v4Ranges, 'public');
  return classify(bytes, v6Ranges, 'forbidden');
}

type Range = readonly [address: readonly number[], prefixBits: number, addressClass: AddressClass];

const v4Ranges: readonly Range[] = [
  [[10, 0, 0, 0], 8, 'private'],
  [[172, 16, 0, 0], 12, 'private'],
  [[192, 168, 0, 0], 16, 'private'],
  [[100, 64, 0, 0], 10, 'private'],
  [[198, 18, 0, 0], 15, 'private'],
  [[127, 0, 0, 0], 8, 'loopback'],
  [[0, 0, 0, 0], 8, 'forbidden'],
  [[169, 254, 0, 0], 16, 'forbidden'],
  [[192, 0, 0, 0], 24, 'forbidden'],
  [[192, 0, 2, 0], 24, 'forbidden'],
  [[192, 88, 99, 0], 24, 'forbidden'],
  [[198, 51, 100, 0], 24, 'forbidden'],
  [[203, 0, 113, 0], 24, 'forbidden'],
  [[224, 0, 0, 0], 3, 'forbidden'],
];

/** Everything global is 2000::/3; what is not listed is forbidden. */
const v6Ranges: readonly Range[] = [
  [ipv6Bytes('::1'), 128, 'loopback'],
  [ipv6Bytes('fc00::'), 7, 'private'],
  [ipv6Bytes('2001::'), 23, 'forbidden'],
  [ipv6Bytes('2001:db8::'), 32, 'forbidden'],
  [ipv6Bytes('2002::'), 16, 'forbidden'],
  [ipv6Bytes('3fff::'), 20, 'forbidden'],
  [ipv6Bytes('2000::'), 3, 'public'],
];

const v4Carriers: readonly (readonly number[])[] = [ipv6Bytes('::ffff:0:0'), ipv6Bytes('64:ff9b::')];

function carriesV4(bytes: readonly number[]): boolean {
  return v4Carriers.some((carrier) => hasPrefix(bytes, carrier, 96));
}

function classify(bytes: readonly number[], ranges: readonly Range[], otherwise: AddressClass): AddressClass {
  return ranges.find(([address, bits]) => hasPrefix(bytes, address, bits))?.[2] ?? otherwise;
}

function hasPrefix(bytes: readonly number[], prefix: readonly number[], bits: number): boolean {
  const whole = Math.floor(bits / 8);
  const mask = (0xff00 >> (bits % 8)) & 0xff;
  const byteAt = (list: readonly number[], at: number) => list[at] ?? 0;
  return (
    prefix.slice(0, whole).every((byte, at) => byte === byteAt(bytes, at)) &&
    (byteAt(bytes, whole) & mask) === (byteAt(prefix, whole) & mask)
  );
}

/** The 16 bytes of a valid IPv6 address. */
function ipv6Bytes(text: string): number[] {
  const dotted = /(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(text);
  const [a = 0, b = 0, c = 0, d = 0] = dotted?.slice(1).map(Number) ?? [];
  const hexOnly = dotted === null ? text : `${text.slice(0, dotted.index)}${hex(a, b)}:${hex(c, d)}`;
  const [head = '', tail] = hexOnly.split('::');
  const left = groups(head);
  const right = groups(tail ?? '');
  const gap = tail === undefined ? [] : new Array<number>(8 - left.length - right.length).fill(0);
  return [...left, ...gap, ...right].flatMap((group) => [group >> 8, group & 0xff]);
}

function hex(high: number, low: number): string {
  return ((high << 8) | low).toString(16);
}

function groups(text: string): number[] {
  return text === '' ? [] : text.split(':').map((group) => Number.parseInt(group, 16));
}
