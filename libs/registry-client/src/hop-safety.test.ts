import { classifyAddress } from './address-class.js';
import { checkHop, guardedLookup, type HopRules, isWithinReach } from './hop-safety.js';

describe('the class of an address', () => {
  it.each([
    ['8.8.8.8', 'public'],
    ['2606:4700::1111', 'public'],
    ['10.1.2.3', 'private'],
    ['172.31.255.255', 'private'],
    ['172.32.0.1', 'public'],
    ['192.168.0.1', 'private'],
    ['100.64.0.1', 'private'],
    ['fd00::1', 'private'],
    ['127.8.9.10', 'loopback'],
    ['::1', 'loopback'],
    ['169.254.169.254', 'forbidden'],
    ['0.0.0.0', 'forbidden'],
    ['::', 'forbidden'],
    ['224.0.0.1', 'forbidden'],
    ['255.255.255.255', 'forbidden'],
    ['fe80::1', 'forbidden'],
    ['fe80::1%eth0', 'forbidden'],
    ['fec0::1', 'forbidden'],
    ['ff02::1', 'forbidden'],
    ['2002:0a00:0001::', 'forbidden'],
    ['2001:0:53aa::', 'forbidden'],
    ['64:ff9b:1::1', 'forbidden'],
    ['::ffff:127.0.0.1', 'loopback'],
    ['::ffff:169.254.169.254', 'forbidden'],
    ['64:ff9b::10.0.0.1', 'private'],
    ['64:ff9b::808:808', 'public'],
    ['::7f00:1', 'forbidden'],
    ['no address', 'forbidden'],
  ])('%s is %s', (address, expected) => {
    expect(classifyAddress(address)).toBe(expected);
  });
});

describe('what a registry points at', () => {
  it('is never nearer to us than it is itself', () => {
    const near = ['8.8.8.8', '10.0.0.1', '127.0.0.1', '169.254.1.1'];
    const within = (reach: HopRules['reach']) => near.filter((address) => isWithinReach(address, reach));
    expect(within('public')).toEqual(['8.8.8.8']);
    expect(within('private')).toEqual(['8.8.8.8', '10.0.0.1']);
    expect(within('loopback')).toEqual(['8.8.8.8', '10.0.0.1', '127.0.0.1']);
  });

  const rules: HopRules = { hostname: 'registry.example.com', allowsPlain: false, reach: 'public' };
  it.each<[string, Partial<HopRules>, boolean]>([
    ['https://storage.example.net/x', {}, true],
    ['https://registry.example.com/token', {}, true],
    ['http://registry.example.com/token', {}, false],
    ['http://registry.example.com/token', { allowsPlain: true }, true],
    ['https://10.0.0.1/x', {}, false],
    ['https://10.0.0.1/x', { reach: 'private' }, true],
    ['https://127.0.0.1/x', { reach: 'private' }, false],
    ['https://[::1]/x', {}, false],
    ['https://0x7f000001/x', {}, false],
    ['https://me:secret@storage.example.net/x', {}, false],
    ['gopher://storage.example.net/x', { allowsPlain: true }, false],
  ])('%s with %j', (address, more, isFine) => {
    const check = () => checkHop(new URL(address), { ...rules, ...more });
    if (isFine) expect(check).not.toThrow();
    else expect(check).toThrow(/not following/);
  });

  it('is told without the query, which may be a signature', () => {
    expect(() => checkHop(new URL('http://x.example/y?signature=secret'), rules)).toThrow(
      /^not following to http:\/\/x.example\/y: /,
    );
  });

  it('connects only to addresses that were looked at', async () => {
    const find = (reach: HopRules['reach'], all: boolean) =>
      new Promise((resolve) => {
        guardedLookup(reach)('localhost', { all }, (error, address) => resolve(error === null ? address : error.name));
      });
    expect(await find('public', false)).toBe('UnsafeHopError');
    expect(['127.0.0.1', '::1']).toContain(await find('loopback', false));
    expect(await find('loopback', true)).toContainEqual({ address: '127.0.0.1', family: 4 });
  });
});
