import { basePath } from '@entrepot/platform-api';

/** Whether a URL belongs to the platform API. */
export function isPlatformUrl(url: string): boolean {
  return url.startsWith(`${basePath}/`) || url.split('?')[0] === basePath;
}
