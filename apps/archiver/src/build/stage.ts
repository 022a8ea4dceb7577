import type { ContainerConfig } from '@entrepot/oci';
import type { StageImage } from './stage-image.js';

const defaultPath = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** One stage while it is built: the image so far, and the config of the next one. */
export class Stage {
  image: StageImage;
  config: ContainerConfig;
  maintainer = '';
  /** `CMD` was given in this stage, so `ENTRYPOINT` leaves it alone. */
  hasCmd = false;
  /** After a step that nothing was known of, no later one is looked for. */
  isCacheLost: boolean;
  /** The layers whose working directory is known to be there. */
  checkedLayers = '';

  constructor(
    readonly name: string | null,
    base: StageImage,
    noCache: boolean,
  ) {
    this.image = base;
    const { Hostname: _, Domainname: __, Image: ___, OnBuild: ____, OpenStdin: _____, ...config } = base.config;
    this.config = structuredClone(config);
    const env = this.config.Env ?? [];
    if (!env.some((variable) => variable.startsWith('PATH='))) this.config.Env = [...env, `PATH=${defaultPath}`];
    this.isCacheLost = noCache;
  }

  /** What the base wants to have done now. */
  get triggers(): readonly string[] {
    return this.image.config.OnBuild ?? [];
  }

  get shell(): string[] {
    return this.config.Shell ?? ['/bin/sh', '-c'];
  }
}
