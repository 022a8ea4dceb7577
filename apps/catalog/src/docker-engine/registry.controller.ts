import {
  isRunnableImage,
  type Platform,
  parseImageConfig,
  parseManifest,
  parseReference,
  platformOf,
  type Reference,
  repositoryName,
  withDefaultTag,
} from '@entrepot/oci';
import {
  type Credential,
  loginDomain,
  parseRegistryAuth,
  type RegistryClient,
  RegistryUnauthorizedError,
} from '@entrepot/registry-client';
import { Controller, Get, Headers, HttpCode, Inject, Param, Post, Req } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { REGISTRY_CLIENT } from '../providers.js';
import { EngineError } from './engine-error.js';
import { readJsonBody } from './json-body.js';

/** What is asked of a registry and keeps nothing: `docker login`, and what a name stands for there. */
@Controller()
export class RegistryController {
  constructor(@Inject(REGISTRY_CLIENT) private readonly registry: RegistryClient) {}

  @Post('auth')
  @HttpCode(200)
  async login(@Req() request: FastifyRequest): Promise<object> {
    const body = await readJsonBody(request.raw);
    const credential = parseRegistryAuth(Buffer.from(JSON.stringify(body)).toString('base64url'));
    if (credential === undefined) throw new EngineError(400, 'login needs a user name and a password, or a token');
    const { serveraddress = '' } = body;
    await this.#checkLogin(loginDomain(String(serveraddress)), credential);
    return { IdentityToken: '', Status: 'Login Succeeded' };
  }

  @Get('distribution/:name/json')
  async describe(@Param('name') name: string, @Headers('x-registry-auth') auth: string | undefined): Promise<object> {
    const reference = withDefaultTag(parseReference(name));
    const context = { credential: parseRegistryAuth(auth) };
    const { descriptor } = await this.registry.resolve(reference, context);
    const { mediaType, digest, sizeBytes } = descriptor;
    const platforms = await this.#platforms(reference, digest, context);
    return { Descriptor: { mediaType, digest, size: sizeBytes }, Platforms: platforms.map(platformJson) };
  }

  async #checkLogin(host: string, credential: Credential): Promise<void> {
    try {
      await this.registry.checkLogin(host, credential);
    } catch (error) {
      if (!(error instanceof RegistryUnauthorizedError)) throw error;
      const address = `${await this.registry.addressOf(host)}v2/`;
      throw new EngineError(500, `login attempt to ${address} failed with status: 401 Unauthorized`);
    }
  }

  async #platforms(reference: Reference, digest: string, context: { credential?: Credential }): Promise<Platform[]> {
    const repository = repositoryName(reference);
    const { bytes, mediaType } = await this.registry.getManifest(repository, digest, context);
    const manifest = parseManifest(bytes, mediaType);
    if (manifest.kind === 'index') return manifest.manifests.flatMap(({ platform }) => (platform ? [platform] : []));
    if (!isRunnableImage(manifest)) return [];
    const config = await this.registry.getBlob(repository, manifest.config, context);
    return [platformOf(parseImageConfig(config))];
  }
}

function platformJson({ architecture, os, variant }: Platform): object {
  return { architecture, os, ...(variant ? { variant } : {}) };
}
