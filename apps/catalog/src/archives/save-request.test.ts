import { parseSaveRequest } from './save-request.js';

describe('a save request', () => {
  it('takes names as typed, and the platform as JSON', () => {
    const platform = '{"architecture":"arm64","os":"linux","variant":"v8"}';
    expect(parseSaveRequest({ names: ['redis:7', 'abc'], platform })).toEqual({
      names: ['redis:7', 'abc'],
      platform: 'linux/arm64',
    });
  });

  it('takes one name, also from the path', () => {
    expect(parseSaveRequest({ names: 'redis' })).toEqual({ names: ['redis'], platform: null });
    expect(parseSaveRequest({}, 'a/b:1')).toEqual({ names: ['a/b:1'], platform: null });
  });

  it('refuses no names and half a platform', () => {
    expect(() => parseSaveRequest({})).toThrow('no image names given');
    expect(() => parseSaveRequest({ names: 'a', platform: '{"os":"linux"}' })).toThrow(
      'both OS and Architecture must be provided',
    );
  });
});
