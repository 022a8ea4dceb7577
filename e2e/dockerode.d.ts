// The part of dockerode that the stories use; the package brings no types.
declare module 'dockerode' {
  interface DockerodeImage {
    inspect(): Promise<Record<string, unknown>>;
    history(): Promise<unknown[]>;
    tag(options: { repo: string; tag: string }): Promise<unknown>;
    get(): Promise<NodeJS.ReadableStream>;
    remove(options?: { force?: boolean }): Promise<unknown>;
  }
  export default class Dockerode {
    constructor(options: { protocol: 'http'; host: string; port: number });
    readonly modem: {
      followProgress(stream: NodeJS.ReadableStream, done: (error: Error | null, messages: unknown[]) => void): void;
    };
    ping(): Promise<Buffer>;
    version(): Promise<Record<string, unknown>>;
    pull(reference: string): Promise<NodeJS.ReadableStream>;
    listImages(options: { filters: Record<string, string[]> }): Promise<unknown[]>;
    getImage(name: string): DockerodeImage;
    loadImage(archive: NodeJS.ReadableStream): Promise<NodeJS.ReadableStream>;
  }
}
