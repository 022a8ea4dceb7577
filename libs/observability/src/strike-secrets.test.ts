import { strikeSecrets } from './strike-secrets.js';

describe('strikeSecrets', () => {
  it.each([
    ['a field', '{"password":"hunter2","user":"u"}', '{"password":"[struck]","user":"u"}'],
    ['a field with quotes in it', '{"password":"hun\\"ter2\\\\","x":1}', '{"password":"[struck]","x":1}'],
    ['a field of any case', '{"Authorization":"Basic x"}', '{"Authorization":"[struck]"}'],
    ['a field whose name says more', '{"identityToken":"hunter2"}', '{"identityToken":"[struck]"}'],
    ['the auth header of docker', '{"x-registry-auth":"hunter2"}', '{"x-registry-auth":"[struck]"}'],
    ['fields deep inside', '{"a":{"b":[{"credential":"hunter2"}]}}', '{"a":{"b":[{"credential":"[struck]"}]}}'],
    ['a list of values', '{"set-cookie":["a=hunter2","b=]\\""],"x":["y"]}', '{"set-cookie":"[struck]","x":["y"]}'],
    ['a password with @ in it', 'postgres://me:hun@ter2@db/x@y', 'postgres://me:[struck]@db/x@y'],
    ['JSON in a text', '{"msg":"got {\\"token\\": \\"hunter2\\"}"}', '{"msg":"got {\\"token\\": \\"[struck]\\"}"}'],
    ['a URL', '{"msg":"connect postgres://me:hunter2@db/x"}', '{"msg":"connect postgres://me:[struck]@db/x"}'],
    ['a URL without user', 'redis://:hunter2@r:6379', 'redis://:[struck]@r:6379'],
    ['a header in a text', 'sent Authorization: Bearer abc.def.ghi', 'sent Authorization: Bearer [struck]'],
    [
      'a signed link',
      'GET /b?X-Amz-Signature=hunter2&x=1&access_token=hunter2',
      'GET /b?X-Amz-Signature=[struck]&x=1&access_token=[struck]',
    ],
  ])('strikes %s', (_what, text, expected) => {
    expect(strikeSecrets(text)).toBe(expected);
  });

  it.each([
    '{"msg":"the password was wrong","user":"u"}',
    '{"msg":"token","x":"y"}',
    '{"tokens":5,"secret":null,"hasPassword":true}',
    '{"url":"https://registry-1.docker.io/v2/library/redis/manifests/7"}',
    '{"msg":"pulled docker.io/library/redis:7@sha256:ab"}',
    '{"msg":"basic auth is needed"}',
  ])('leaves %s', (text) => {
    expect(strikeSecrets(text)).toBe(text);
  });

  it('takes linear time on hostile text', () => {
    const hostile = [
      '"token'.repeat(100_000),
      '"'.repeat(200_000),
      `"${'a'.repeat(500_000)}`,
      '\\"token\\":\\"'.repeat(50_000),
    ];
    const from = performance.now();
    for (const text of [
      ...hostile,
      '://'.repeat(100_000),
      '://a:'.repeat(100_000),
      '"token":["'.repeat(50_000),
      `"token":[${'"a",'.repeat(100_000)}`,
      '?a'.repeat(200_000),
      '?token='.repeat(100_000),
    ])
      strikeSecrets(text);
    expect(performance.now() - from).toBeLessThan(3_000);
  });
});
