import { timingSafeEqual } from 'node:crypto';
import { type CanActivate, type ExecutionContext, Inject, Injectable } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { INTERNAL_SECRET } from './providers.js';

/** Lets in who shows the secret that all services share. */
@Injectable()
export class InternalGuard implements CanActivate {
  constructor(@Inject(INTERNAL_SECRET) private readonly secret: string) {}

  canActivate(context: ExecutionContext): boolean {
    const { authorization = '' } = context.switchToHttp().getRequest<FastifyRequest>().headers;
    const [given, expected] = [Buffer.from(authorization), Buffer.from(`Bearer ${this.secret}`)];
    return given.length === expected.length && timingSafeEqual(given, expected);
  }
}
