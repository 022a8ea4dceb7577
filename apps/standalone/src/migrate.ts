import { loadConfig } from '@entrepot/config';
import { migrate } from '@entrepot/database';
import { migrateQueue } from '@entrepot/jobs';

/** The migration step of a deployment: brings database and queue to what this version expects, then ends. */
async function main(): Promise<void> {
  const { databaseUrl, queueUrl } = loadConfig();
  if (!databaseUrl) throw new Error('DATABASE_URL: needed, postgres://…');
  await migrate(databaseUrl);
  await migrateQueue(queueUrl ?? databaseUrl);
  process.stdout.write('the database is up to date\n');
}

main().catch((error: Error) => {
  process.stderr.write(`entrepot: ${error.message}\n`);
  process.exit(1);
});
