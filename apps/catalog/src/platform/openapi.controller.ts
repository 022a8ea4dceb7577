import { basePath, endpoints, openApiDocument } from '@entrepot/platform-api';
import { Controller, Get, Header } from '@nestjs/common';
import { serverVersion } from '../version.js';
import { referencePage, referencePagePolicy } from './reference-page.js';

/** How the API describes itself: a document for programs, a page for people. Neither holds anything secret. */
@Controller(basePath)
export class OpenApiController {
  readonly #document = openApiDocument(endpoints, serverVersion);

  @Get('openapi.json')
  document(): object {
    return this.#document;
  }

  @Get()
  @Header('content-type', 'text/html; charset=utf-8')
  @Header('content-security-policy', referencePagePolicy)
  page(): string {
    return referencePage;
  }
}
