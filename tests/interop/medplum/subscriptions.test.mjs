// Live updates: subscribeToCriteria, and the words of the socket below it.
import './websocket.mjs';
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { BASE_URL, connect, event, header, message, people } from './support.mjs';

const medplum = await connect();
const everyone = await people(medplum);
const SOCKET = `${BASE_URL.replace(/^http/, 'ws')}ws/subscriptions-r4`;
const news = (payload) => payload.entry.find((entry) => entry.resource.resourceType === 'Communication')?.resource;
after(() => medplum.getSubscriptionManager().closeWebSocket());

/** A thread, a client that listens to it, and the reader of what arrives. */
async function listening() {
  const thread = await medplum.createResource(header(everyone));
  const criteria = `Communication?part-of=Communication/${thread.id}`;
  const emitter = medplum.subscribeToCriteria(criteria);
  const connected = await event(emitter, 'connect');
  return { thread, criteria, emitter, subscription: connected.payload.subscriptionId };
}

test('a new message of the thread arrives at who listens to it', async () => {
  const { thread, criteria, emitter, subscription } = await listening();
  assert.equal((await medplum.readResource('Subscription', subscription)).criteria, criteria);
  const arrived = event(emitter, 'message');
  const sent = await medplum.createResource(message(everyone, thread));
  const { payload } = await arrived;
  const status = payload.entry[0].resource;
  assert.equal(status.resourceType, 'SubscriptionStatus');
  assert.equal(status.type, 'event-notification');
  assert.equal(status.subscription.reference, `Subscription/${subscription}`);
  assert.deepEqual(news(payload), await medplum.readResource('Communication', sent.id));
  medplum.unsubscribeFromCriteria(criteria);
});

test('a message of another thread does not', async () => {
  const { thread, criteria, emitter } = await listening();
  const seen = [];
  emitter.addEventListener('message', ({ payload }) => seen.push(news(payload)?.id));
  const other = await medplum.createResource(header(everyone));
  await medplum.createResource(message(everyone, other));
  const mine = await medplum.createResource(message(everyone, thread));
  if (!seen.includes(mine.id)) await event(emitter, 'message', ({ payload }) => news(payload)?.id === mine.id);
  assert.deepEqual(seen, [mine.id]);
  medplum.unsubscribeFromCriteria(criteria);
});

test('a change of a message arrives too', async () => {
  const { thread, criteria, emitter } = await listening();
  const sent = await medplum.createResource(message(everyone, thread));
  const arrived = event(emitter, 'message', ({ payload }) => news(payload)?.status === 'entered-in-error');
  await medplum.patchResource('Communication', sent.id, [
    { op: 'replace', path: '/status', value: 'entered-in-error' },
  ]);
  assert.equal(news((await arrived).payload).id, sent.id);
  medplum.unsubscribeFromCriteria(criteria);
});

/** A socket as the client opens it: `say` sends, `hears` waits for what passes. */
async function socket() {
  const ws = new WebSocket(SOCKET);
  const heard = [];
  const waiting = [];
  ws.addEventListener('message', ({ data }) => {
    heard.push(JSON.parse(data));
    for (const check of [...waiting]) check();
  });
  await new Promise((resolve, reject) => {
    ws.addEventListener('open', resolve);
    ws.addEventListener('error', () => reject(new Error(`${SOCKET} does not open`)));
  });
  const hears = (passes, from = 0) =>
    new Promise((resolve, reject) => {
      const late = setTimeout(() => reject(new Error(`not heard, only: ${JSON.stringify(heard)}`)), 10_000);
      const check = () => {
        const one = heard.slice(from).find(passes);
        if (!one) return;
        clearTimeout(late);
        resolve(one);
      };
      waiting.push(check);
      check();
    });
  return { ws, heard, hears, say: (words) => ws.send(JSON.stringify(words)) };
}

async function binding(criteria) {
  const subscription = await medplum.createResource({
    resourceType: 'Subscription',
    status: 'active',
    reason: 'Interop',
    channel: { type: 'websocket' },
    criteria,
  });
  const { parameter } = await medplum.get(`fhir/R4/Subscription/${subscription.id}/$get-ws-binding-token`);
  return { subscription, ...Object.fromEntries(parameter.map((one) => [one.name, one])) };
}

test('the socket answers ping, binds with a token, and is silent after unbinding', async () => {
  const thread = await medplum.createResource(header(everyone));
  const {
    subscription,
    token,
    expiration,
    'websocket-url': url,
  } = await binding(`Communication?part-of=Communication/${thread.id}`);
  assert.ok(Date.parse(expiration.valueDateTime) > Date.now());
  assert.match(url.valueUrl, /^wss?:/);
  const { ws, heard, hears, say } = await socket();
  const type = (name) => (words) => words.entry?.[0].resource.type === name;
  try {
    say({ type: 'ping' });
    await hears((words) => words.type === 'pong');
    say({ type: 'bind-with-token', payload: { token: token.valueString } });
    const shaken = await hears(type('handshake'));
    assert.equal(shaken.resourceType, 'Bundle');
    assert.equal(shaken.entry[0].resource.subscription.reference, `Subscription/${subscription.id}`);
    const sent = await medplum.createResource(message(everyone, thread));
    assert.equal(news(await hears(type('event-notification'))).id, sent.id);
    say({ type: 'unbind-from-token', payload: { token: token.valueString } });
    const before = heard.length;
    say({ type: 'ping' });
    await hears((words) => words.type === 'pong', before);
    // Somebody else hears of it: then this socket would have, too.
    const emitter = medplum.subscribeToCriteria(`Communication?part-of=Communication/${thread.id}`);
    await event(emitter, 'connect');
    const arrived = event(emitter, 'message');
    await medplum.createResource(message(everyone, thread));
    await arrived;
    say({ type: 'ping' });
    await hears((words) => words.type === 'pong', before + 1);
    assert.equal(heard.filter(type('event-notification')).length, 1);
  } finally {
    ws.close();
  }
});
