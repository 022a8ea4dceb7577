import { parseRegistryAuth } from './registry-auth.js';

const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');

describe('X-Registry-Auth', () => {
  it.each([
    [encode({ username: 'u', password: 'p', serveraddress: 'x' }), { username: 'u', password: 'p' }],
    [`${encode({ username: 'ü?>', password: '' })}==`, { username: 'ü?>', password: '' }],
    [encode({ identitytoken: 't' }), { identityToken: 't' }],
    [encode({ registrytoken: 't' }), { registryToken: 't' }],
    [encode({ auth: Buffer.from('u:p:q').toString('base64') }), { username: 'u', password: 'p:q' }],
    ['e30=', undefined],
    [undefined, undefined],
    ['%%%', undefined],
    [encode(null), undefined],
    [encode({ username: 7 }), undefined],
  ])('%s is %j', (header, credential) => {
    expect(parseRegistryAuth(header)).toEqual(credential);
  });
});
