// Windows containers share the host's kernel interface, so builds must fit (Microsoft's "version compatibility"):
// a host before Server 2022 runs its own build only, a later one everything from Server 2022 up to itself.

const server2022Build = 20348;

/** Whether an image of `image` runs on a host of `host`. A version that is absent or unreadable does not restrict. */
export function windowsVersionMatches(host: string | undefined, image: string | undefined): boolean {
  const wanted = parseVersion(host);
  if (wanted === null || !image) return true;
  const built = parseVersion(image);
  if (built === null || wanted.release !== built.release) return false;
  if (wanted.build < server2022Build) return wanted.build === built.build;
  return built.build >= server2022Build && built.build <= wanted.build;
}

function parseVersion(text = ''): { release: string; build: number } | null {
  const match = /^(\d{1,3}\.\d{1,3})\.(\d{1,5})(?:\.|$)/.exec(text);
  return match === null ? null : { release: match[1] ?? '', build: Number(match[2]) };
}
