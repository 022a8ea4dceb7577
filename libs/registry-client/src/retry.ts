/** How often one thing is tried and how long to wait between the tries. */
export interface RetryPolicy {
  attempts: number;
  firstDelayMs: number;
  maxDelayMs: number;
}
