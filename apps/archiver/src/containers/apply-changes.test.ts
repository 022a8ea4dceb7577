import type { ContainerConfig } from '@entrepot/oci';
import { applyChanges } from './apply-changes.js';

const before: ContainerConfig = {
  ...{ Env: ['PATH=/bin', 'A=1'], Cmd: ['old'], Entrypoint: ['/run'], WorkingDir: '/app', Labels: { x: 'y' } },
};

describe('changes of a commit', () => {
  it.each<[string, Partial<ContainerConfig>]>([
    ['CMD ["a","b"]', { Cmd: ['a', 'b'] }],
    ['cmd run it', { Cmd: ['/bin/sh', '-c', 'run it'] }],
    ['ENTRYPOINT ["/x"]', { Entrypoint: ['/x'], Cmd: undefined }],
    ['ENTRYPOINT []', { Entrypoint: ['/run'], Cmd: ['old'] }],
    ['ENV A=2 B="two words" C=\'$A\'', { Env: ['PATH=/bin', 'A=2', 'B=two words', 'C=$A'] }],
    ['ENV PATH=/x:$PATH', { Env: ['PATH=/x:/bin', 'A=1'] }],
    ['ENV B ${A}${NONE:-7}', { Env: ['PATH=/bin', 'A=1', 'B=17'] }],
    ['ENV B two  words', { Env: ['PATH=/bin', 'A=1', 'B=two  words'] }],
    ['LABEL l=1 m=2', { Labels: { x: 'y', l: '1', m: '2' } }],
    ['EXPOSE 99 53/udp 80-81', { ExposedPorts: { '99/tcp': {}, '53/udp': {}, '80/tcp': {}, '81/tcp': {} } }],
    ['VOLUME /v /w', { Volumes: { '/v': {}, '/w': {} } }],
    ['VOLUME ["/v"]', { Volumes: { '/v': {} } }],
    ['WORKDIR sub', { WorkingDir: '/app/sub' }],
    ['USER 7', { User: '7' }],
    ['CMD []', { Cmd: [] }],
    ['EXPOSE 8080:80', { ExposedPorts: { '80/tcp': {} } }],
    ['LABEL a=b \\\n c=d', { Labels: { x: 'y', a: 'b', c: 'd' } }],
    ['STOPSIGNAL 9', { StopSignal: '9' }],
    ['ONBUILD RUN x', { OnBuild: ['RUN x'] }],
    ['HEALTHCHECK NONE', { Healthcheck: { Test: ['NONE'] } }],
    [
      'HEALTHCHECK --interval=1m30s --retries=3 CMD curl x',
      { Healthcheck: { Interval: 90e9, Retries: 3, Test: ['CMD-SHELL', 'curl x'] } },
    ],
  ])('%s', (line, expected) => {
    expect(applyChanges(before, [line])).toEqual({ ...before, ...expected });
  });

  it.each([
    ['RUN x', 'run is not a valid change command'],
    ['nosuch x', 'nosuch is not a valid change command'],
    ['constructor x', 'constructor is not a valid change command'],
    ['SHELL ["/x"]', 'shell is not a valid change command'],
    ['', 'file with no instructions'],
    ['ENV =x', 'ENV names can not be blank'],
    ['ENV a=${x', 'syntax error'],
    ['VOLUME [""]', 'can not be an empty string'],
    ['ONBUILD ONBUILD RUN x', "isn't allowed"],
    ['HEALTHCHECK --interval=1ns CMD x', 'cannot be less than 1ms'],
    ['HEALTHCHECK --retries=0 CMD x', 'must be at least 1'],
    ['HEALTHCHECK NONE x', 'takes no arguments'],
    ['STOPSIGNAL NOPE', 'Invalid signal: NOPE'],
    ['ENV', 'ENV requires at least one argument'],
    ['ENV A', 'ENV must have two arguments'],
    ['EXPOSE no', 'Invalid containerPort: no'],
    ['HEALTHCHECK maybe', 'in HEALTHCHECK (try CMD)'],
  ])('refuses %s', (line, message) => {
    expect(() => applyChanges(before, [line])).toThrow(message);
  });
});
