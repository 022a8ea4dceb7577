import { childEnvironment } from './child-environment.js';

describe('childEnvironment', () => {
  it('is our own, with changes on top that leave ours alone', () => {
    const child = childEnvironment({ ENTREPOT_TEST_CHILD: 'yes', PATH: undefined });
    expect(child.ENTREPOT_TEST_CHILD).toBe('yes');
    expect(child.PATH).toBeUndefined();
    expect(child.HOME).toBe(process.env.HOME);
    expect(process.env.ENTREPOT_TEST_CHILD).toBeUndefined();
    expect(process.env.PATH).toBeDefined();
  });
});
