export { basePath, defineEndpoint, type Endpoint, type Role, roles, type Stream } from './define-endpoint.js';
export { type EndpointInput, type EndpointOutput, type EndpointRequest, requestOf } from './endpoint-request.js';
export { endpoints } from './endpoints.js';
export { getImageHistory, tagImage } from './images.js';
export { openApiDocument } from './openapi.js';
export { pageOf, pageQuery } from './page.js';
export { type Problem, problem, problemType } from './problem.js';
