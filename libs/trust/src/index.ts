export { verifyBundle } from './bundle.js';
export { InvalidSignatureError } from './invalid-signature-error.js';
export { type TrustKey, type TrustMode, TrustPolicy, type TrustPolicyRules, type TrustRule } from './policy.js';
export { verifySimpleSigning } from './simple-signing.js';
