import type { Database } from '@entrepot/database';

/**
 * Questions of one process that are asked at the same time become one. What comes while an answer is under way waits for
 * it, and goes together with the others.
 */
export class Together<Question, Answer> {
  #waiting: Asked<Question, Answer>[] = [];
  #isRunning = false;

  /** `answer` gives the answers in the order of the questions. When it fails, it is asked each question alone. */
  constructor(private readonly answer: (questions: readonly Question[]) => Promise<Answer[]>) {}

  ask(question: Question): Promise<Answer> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ question, resolve, reject });
      if (!this.#isRunning) this.#start();
    });
  }

  #start(): void {
    this.#isRunning = true;
    setImmediate(() => void this.#run());
  }

  async #run(): Promise<void> {
    while (this.#waiting.length > 0) await this.#settle(this.#waiting.splice(0));
    this.#isRunning = false;
  }

  async #settle(asked: readonly Asked<Question, Answer>[]): Promise<void> {
    try {
      const answers = await this.answer(asked.map(({ question }) => question));
      for (const [index, { resolve }] of asked.entries()) resolve(answers[index] as Answer);
    } catch (error) {
      if (asked.length === 1) asked[0]?.reject(error);
      else await Promise.all(asked.map((one) => this.#settle([one])));
    }
  }
}

interface Asked<Question, Answer> {
  question: Question;
  resolve(answer: Answer): void;
  reject(error: unknown): void;
}

/** One for each database that is asked; it goes with the database. */
export function togetherBy<Question, Answer>(
  answer: (database: Database, questions: readonly Question[]) => Promise<Answer[]>,
): (database: Database, question: Question) => Promise<Answer> {
  const known = new WeakMap<Database, Together<Question, Answer>>();
  return (database, question) => {
    const together = known.get(database) ?? new Together((questions) => answer(database, questions));
    known.set(database, together);
    return together.ask(question);
  };
}
