import { routeUrl } from './route-url.js';

describe('routed URLs', () => {
  it.each<[method: string, url: string, routed: string]>([
    ['GET', '/v1.50/images/json?all=1', '/images/json?all=1'],
    ['GET', '/images/json', '/images/json'],
    ['GET', '/v1.50/images/127.0.0.1:5601/demo/base:1.0/json', '/images/127.0.0.1:5601%2Fdemo%2Fbase:1.0/json'],
    ['GET', '/v1.50/images/json/json', '/images/json/json'],
    ['GET', '/images/a/b@sha256:0a/history?x=/y/json', '/images/a%2Fb@sha256:0a/history?x=/y/json'],
    ['GET', '/images/a/b/get', '/images/a%2Fb/get'],
    ['GET', '/v1.41/images/get?names=a', '/images/get?names=a'],
    ['POST', '/images/docker.io/library/x/tag?repo=a', '/images/docker.io%2Flibrary%2Fx/tag?repo=a'],
    ['POST', '/images/docker.io/library/x/push', '/images/docker.io%2Flibrary%2Fx/push'],
    ['POST', '/images/create', '/images/create'],
    ['DELETE', '/v1.50/images/a/b%20c', '/images/a%2Fb%20c'],
    ['DELETE', '/v1.41/images/json/', '/images/json%2F'],
    ['GET', '/v1.50/containers/127.0.0.1:5601/demo/app:2/json', '/containers/127.0.0.1:5601%2Fdemo%2Fapp:2/json'],
    ['GET', '/v1.50/networks/local/app', '/networks/local%2Fapp'],
    ['GET', '/v1.50/distribution/reg:5000/a/b/json', '/distribution/reg:5000%2Fa%2Fb/json'],
    ['GET', '/api/v1/', '/api/v1'],
    ['GET', '/api/v1/images/reg:5000/a/b:1/history', '/api/v1/images/reg:5000%2Fa%2Fb:1/history'],
    ['GET', '/v1.50', '/v1.50'],
    ['GET', '/volumes', '/volumes'],
  ])('%s %s → %s', (method, url, routed) => {
    expect(routeUrl(method, url)).toBe(routed);
  });
});
