// What every test file needs: a client that is signed in, people of its own, and a look at what a server refuses.
import './websocket.mjs';
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import * as core from '@medplum/core';

const env = (name) =>
  process.env[name] ?? assert.fail(`${name} is not set; tests/interop/README.md says how to run this`);

export const BASE_URL = env('BASE_URL').replace(/\/*$/, '/');
export const FHIR_URL = `${BASE_URL}fhir/R4`;
export const CLIENT_ID = env('CLIENT_ID');
export const CLIENT_SECRET = env('CLIENT_SECRET');
export const LIMITED_ID = env('LIMITED_CLIENT_ID');
export const LIMITED_SECRET = env('LIMITED_CLIENT_SECRET');

/** Skips a test on the peer server, which can not pass it; the reason is printed. */
export const peerLacks = (reason) => ({ skip: process.env.TARGET === 'peer' ? `the peer server ${reason}` : false });

/** A client as any program makes it, signed in with client credentials unless told otherwise. */
export async function connect({ id = CLIENT_ID, secret = CLIENT_SECRET, ...options } = {}) {
  const medplum = new core.MedplumClient({ baseUrl: BASE_URL, ...options });
  await medplum.startClientLogin(id, secret);
  return medplum;
}

export const unique = (word) => `${word}-${randomUUID()}`;
export const ref = core.createReference;
export const id = (reference) => reference.split('/')[1];

/** Two clinicians and a patient that nobody else has: alice, bob, homer. */
export async function people(medplum) {
  const make = (resource) => ({ request: { method: 'POST', url: resource.resourceType }, resource });
  const bundle = await medplum.executeBatch({
    resourceType: 'Bundle',
    type: 'transaction',
    entry: [
      make({ resourceType: 'Practitioner', active: true, name: [{ given: ['Alice'], family: unique('Smith') }] }),
      make({ resourceType: 'Practitioner', active: true, name: [{ given: ['Bob'], family: unique('Miller') }] }),
      make({ resourceType: 'Patient', active: true, name: [{ given: ['Homer'], family: unique('Simpson') }] }),
    ],
  });
  const [alice, bob, homer] = bundle.entry.map((entry) => ({ reference: location(entry) }));
  return { alice, bob, homer };
}

/** `Type/id` of an entry of a transaction's answer, from its location, which may be absolute and versioned. */
export function location(entry) {
  const found = /([A-Z][A-Za-z]+\/[^/]+)(?:\/_history\/[^/]+)?$/.exec(entry.response.location ?? '');
  assert.ok(found, `no location in ${JSON.stringify(entry.response)}`);
  return found[1];
}

/** A thread of alice, bob and homer; `changes` replace elements of the header. */
export function header({ alice, bob, homer }, changes = {}) {
  return {
    resourceType: 'Communication',
    status: 'in-progress',
    topic: { text: 'Lab results' },
    subject: homer,
    sender: alice,
    recipient: [alice, bob, homer],
    sent: '2024-04-10T09:00:00Z',
    ...changes,
  };
}

/** A message from alice to homer in a thread. */
export function message({ alice, homer }, thread, changes = {}) {
  return {
    resourceType: 'Communication',
    status: 'in-progress',
    partOf: [{ reference: `Communication/${thread.id}` }],
    subject: thread.subject,
    topic: thread.topic,
    sender: alice,
    recipient: [homer],
    payload: [{ contentString: 'Your sample is here; results follow.' }],
    sent: '2024-04-10T10:00:00Z',
    ...changes,
  };
}

/** The OperationOutcome with which a call is refused, as the client hands it to its caller. */
export async function refused(promise) {
  try {
    await promise;
  } catch (error) {
    assert.ok(error instanceof core.OperationOutcomeError, `not an OperationOutcome: ${error?.stack ?? error}`);
    assert.equal(error.outcome.resourceType, 'OperationOutcome');
    assert.ok(error.outcome.issue?.length, 'an outcome has an issue');
    return error.outcome;
  }
  return assert.fail('this should have been refused');
}

export const text = (outcome) => outcome.issue.map((issue) => issue.details?.text ?? issue.diagnostics ?? '').join(' ');
export const ids = (resources) => resources.map((one) => one.id).sort();

/** Asserts which resources a search found, in whatever order. */
export function found(resources, ...expected) {
  assert.deepEqual(ids(resources), ids(expected));
}

/** A request of which the test looks at status and headers too, with the token of a client. */
export function raw(medplum, method, path, { headers = {}, body } = {}) {
  return fetch(new URL(path, BASE_URL), {
    method,
    body,
    redirect: 'manual',
    headers: { Authorization: `Bearer ${medplum.getAccessToken()}`, ...headers },
  });
}

/** The first event that passes, or a failure after some seconds. */
export function event(emitter, name, passes = () => true, seconds = 10) {
  return new Promise((resolve, reject) => {
    const late = setTimeout(() => reject(new Error(`no ${name} came within ${seconds} s`)), seconds * 1000);
    emitter.addEventListener(name, (one) => {
      if (passes(one)) {
        clearTimeout(late);
        resolve(one);
      }
    });
  });
}
