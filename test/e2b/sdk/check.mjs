// SPDX-License-Identifier: Apache-2.0
// Asks of a server what E2B's own SDK can do: check.mjs MODULE MOST_SANDBOXES, where to ask in E2B_*.
// MODULE is the SDK's; the server gives one account at most MOST_SANDBOXES sandboxes, and answers the first
// creation with 429 and Retry-After. Prints "ok NAME" or "failed NAME: why" for each check; exits with 1 if
// one failed. Waits for events, never for time.
import assert from 'node:assert/strict'
import { once, EventEmitter } from 'node:events'

const [module, mostSandboxes] = process.argv.slice(2)
const e2b = await import(module)
const { Sandbox } = e2b
const isRoot = process.getuid() === 0
let failures = 0

async function check(name, run) {
  try {
    await run()
    console.log(`ok ${name}`)
  } catch (error) {
    failures += 1
    console.log(`failed ${name}: ${error.stack}`)
  }
}

async function refused(promise, kind, words) {
  const error = await promise.then(() => null, reason => reason)
  assert.ok(error instanceof kind, `expected ${kind.name}, not ${error && error.stack}`)
  if (words) assert.match(error.message, words)
  return error
}

// What a background command prints, waited for.
class Printed extends EventEmitter {
  text = ''

  add = piece => {
    this.text += piece
    this.emit('more')
  }

  async has(words) {
    while (!this.text.includes(words)) await once(this, 'more')
  }
}

let box

// Without names of hosts, a header says which sandbox is meant.
function toBox() {
  return { 'E2b-Sandbox-Id': box.sandboxId, 'E2b-Sandbox-Port': '49983' }
}

await check('create, after a 429 with Retry-After', async () => {
  box = await Sandbox.create('base', {
    timeoutMs: 120_000, metadata: { owner: 'check', 'odd &=%': 'ü +/' }, envs: { FROM_CREATE: 'one', BOTH: 'create' },
  })
  assert.match(box.sandboxId, /^[a-z0-9]+$/)
  assert.ok(await box.isRunning())
})
if (!box) process.exit(1)

await check('getInfo', async () => {
  const info = await box.getInfo()
  assert.equal(info.sandboxId, box.sandboxId)
  assert.equal(info.state, 'running')
  assert.deepEqual(info.metadata, { owner: 'check', 'odd &=%': 'ü +/' })
  assert.ok(Math.abs(info.endAt - info.startedAt - 120_000) < 2000)
})

// Files

await check('files: write and read text', async () => {
  const written = await box.files.write('notes/a.txt', 'hällo\n')
  assert.deepEqual([written.name, written.path, written.type], ['a.txt', '/home/user/notes/a.txt', 'file'])
  assert.equal(await box.files.read('/home/user/notes/a.txt'), 'hällo\n')
  await box.files.write('notes/a.txt', 'x')
  assert.equal(await box.files.read('notes/a.txt'), 'x')
})

await check('files: nothing in a file', async () => {
  await box.files.write('empty', '')
  assert.equal(await box.files.read('empty'), '')
  assert.equal((await box.files.read('empty', { format: 'bytes' })).length, 0)
})

const everyByte = new Uint8Array(5 << 20).map((_, i) => (i * 7 + (i >> 8)) & 255)

async function roundTrip(path, options) {
  await box.files.write(path, new Blob([everyByte]), options)
  const back = await box.files.read(path, { format: 'bytes' })
  assert.equal(Buffer.compare(Buffer.from(back), Buffer.from(everyByte)), 0)
}

await check('files: five megabytes of binary', () => roundTrip('big', {}))
await check('files: as an octet stream', () => roundTrip('big-raw', { useOctetStream: true }))
await check('files: compressed', () => roundTrip('big-gzip', { gzip: true }))

await check('files: bytes that look like the end of a form', async () => {
  const text = '\r\n--' + '-'.repeat(70) + '\r\n\r\n--\r\n'.repeat(50)
  await box.files.write('form', text)
  assert.equal(await box.files.read('form'), text)
})

await check('files: a stream', async () => {
  const stream = new Blob([everyByte]).stream()
  await box.files.write('streamed', stream)
  let size = 0
  for await (const piece of await box.files.read('streamed', { format: 'stream' })) size += piece.length
  assert.equal(size, everyByte.length)
})

await check('files: several at once', async () => {
  const written = await box.files.write([
    { path: 'many/one', data: '1' }, { path: '/tmp/many/two', data: '22' }, { path: 'many/drei ü.txt', data: '333' }])
  assert.deepEqual(written.map(file => file.path),
    ['/home/user/many/one', '/tmp/many/two', '/home/user/many/drei ü.txt'])
  assert.equal(await box.files.read('/home/user/many/drei ü.txt'), '333')
  assert.equal(await box.files.read('/tmp/many/two'), '22')
})

await check('files: signed URLs', async () => {
  const read = await fetch(await box.downloadUrl('notes/a.txt', { useSignatureExpiration: 60 }), { headers: toBox() })
  assert.equal(await read.text(), 'x')
  const url = (await box.downloadUrl('notes/a.txt')).replace('notes', 'other')
  const wrong = await fetch(url, { headers: toBox() })
  assert.equal(wrong.status, 401)
  const form = new FormData()
  form.append('file', new Blob(['by url']), 'url.txt')
  const sent = await fetch(await box.uploadUrl('url.txt'), { method: 'POST', body: form, headers: toBox() })
  assert.equal(sent.status, 200, await sent.text())
  assert.equal(await box.files.read('url.txt'), 'by url')
})

await check('files: list, info, exists, makeDir', async () => {
  assert.equal(await box.files.makeDir('tree/deep'), true)
  assert.equal(await box.files.makeDir('tree/deep'), false)
  await box.files.write('tree/deep/leaf', 'leaf')
  const near = await box.files.list('tree')
  assert.deepEqual(near.map(entry => [entry.name, entry.type, entry.path]), [['deep', 'dir', '/home/user/tree/deep']])
  const far = await box.files.list('tree', { depth: 2 })
  assert.deepEqual(far.map(entry => entry.path), ['/home/user/tree/deep', '/home/user/tree/deep/leaf'])
  const info = await box.files.getInfo('tree/deep/leaf')
  assert.deepEqual([info.type, info.size, info.mode, info.permissions, info.owner],
    ['file', 4, 0o644, '-rw-r--r--', 'user'])
  assert.ok(Math.abs(Date.now() - info.modifiedTime) < 60_000)
  assert.equal(await box.files.exists('tree/deep/leaf'), true)
  assert.equal(await box.files.exists('tree/none'), false)
})

await check('files: rename and remove', async () => {
  const moved = await box.files.rename('tree/deep/leaf', 'elsewhere/leaf')
  assert.equal(moved.path, '/home/user/elsewhere/leaf')
  assert.equal(await box.files.exists('tree/deep/leaf'), false)
  assert.equal(await box.files.read('elsewhere/leaf'), 'leaf')
  await box.files.remove('elsewhere')
  assert.equal(await box.files.exists('elsewhere/leaf'), false)
  await box.files.remove('elsewhere')
})

await check('files: what is refused', async () => {
  await refused(box.files.read('none'), e2b.FileNotFoundError, /does not exist/)
  await refused(box.files.read('tree'), e2b.InvalidArgumentError, /is a directory/)
  await refused(box.files.write('tree', 'x'), e2b.InvalidArgumentError, /is a directory/)
  await refused(box.files.list('none'), e2b.FileNotFoundError)
  await refused(box.files.list('empty'), e2b.InvalidArgumentError, /not a directory/)
  await refused(box.files.rename('none', 'any'), e2b.FileNotFoundError)
  await refused(box.files.getInfo('none'), e2b.FileNotFoundError)
  await refused(box.files.read('empty', { user: 'nobody-here' }), e2b.AuthenticationError)
  await refused(box.files.list('empty', { user: 'nobody-here' }), e2b.AuthenticationError)
})

// Commands

await check('commands: output and exit code', async () => {
  const done = await box.commands.run('echo out; echo err >&2')
  assert.deepEqual([done.exitCode, done.stdout, done.stderr], [0, 'out\n', 'err\n'])
  const error = await refused(box.commands.run('echo gone; echo why >&2; exit 7'), e2b.CommandExitError)
  assert.deepEqual([error.exitCode, error.stdout, error.stderr, error.error], [7, 'gone\n', 'why\n', 'exit status 7'])
})

await check('commands: much output', async () => {
  const done = await box.commands.run('head -c 3000000 /dev/zero | tr "\\0" x')
  assert.equal(done.stdout.length, 3_000_000)
})

await check('commands: directory and environment', async () => {
  const done = await box.commands.run('pwd; echo $FROM_CREATE $BOTH $FROM_CALL',
    { cwd: '/tmp', envs: { BOTH: 'call', FROM_CALL: 'two' } })
  assert.equal(done.stdout, '/tmp\none call two\n')
  await refused(box.commands.run('true', { cwd: '/none' }), e2b.InvalidArgumentError, /does not exist/)
})

await check('commands: as user and as root', async () => {
  const show = 'echo $USER $HOME; pwd; id -u'
  const user = (await box.commands.run(show)).stdout.split('\n')
  const root = (await box.commands.run(show, { user: 'root' })).stdout.split('\n')
  assert.deepEqual(user.slice(0, 2), ['user /home/user', '/home/user'])
  assert.deepEqual(root.slice(0, 2), ['root /root', '/root'])
  if (isRoot) assert.deepEqual([user[2], root[2]], ['1000', '0'])
  await refused(box.commands.run('true', { user: 'nobody-here' }), e2b.AuthenticationError)
})

await check('files: as root', async () => {
  await box.files.write('/root/secret', 'x', { user: 'root' })
  const info = await box.files.getInfo('/root/secret', { user: 'root' })
  if (isRoot) assert.equal(info.owner, 'root')
})

await check('commands: in the background, with input, listed', async () => {
  const out = new Printed()
  const err = new Printed()
  const handle = await box.commands.run('echo ready; while read line; do echo "got $line"; echo e >&2; done; exit 3',
    { background: true, stdin: true, onStdout: out.add, onStderr: err.add, envs: { A: 'b' } })
  await out.has('ready\n')
  const listed = (await box.commands.list()).find(entry => entry.pid === handle.pid)
  assert.deepEqual([listed.cmd, listed.args.slice(0, 2), listed.envs], ['/bin/bash', ['-l', '-c'], { A: 'b' }])
  await box.commands.sendStdin(handle.pid, 'one\n')
  await out.has('got one\n')
  await err.has('e\n')

  const other = new Printed()
  const second = await box.commands.connect(handle.pid, { onStdout: other.add })
  assert.equal(second.pid, handle.pid)
  await second.sendStdin('two\n')
  await other.has('got two\n')
  await out.has('got two\n')
  assert.ok(!other.text.includes('got one'))

  await handle.closeStdin()
  const ends = await Promise.all([refused(handle.wait(), e2b.CommandExitError),
    refused(second.wait(), e2b.CommandExitError)])
  assert.deepEqual(ends.map(end => end.exitCode), [3, 3])
  assert.ok(!(await box.commands.list()).some(entry => entry.pid === handle.pid))
})

await check('commands: one without input', async () => {
  assert.equal((await box.commands.run('cat; echo end')).stdout, 'end\n')
  const handle = await box.commands.run('exec tail -f /dev/null', { background: true })
  await refused(box.commands.sendStdin(handle.pid, 'x'), e2b.SandboxError, /stdin/)
  await handle.kill()
})

await check('commands: disconnect, connect, kill', async () => {
  const handle = await box.commands.run('exec tail -f /dev/null', { background: true })
  await handle.disconnect()
  const again = await box.commands.connect(handle.pid)
  assert.equal(await box.commands.kill(handle.pid), true)
  const end = await refused(again.wait(), e2b.CommandExitError, /signal: killed/)
  assert.equal(end.exitCode, -1)
  assert.equal(await box.commands.kill(handle.pid), false)
  await refused(box.commands.connect(handle.pid), e2b.NotFoundError)
  await refused(box.commands.sendStdin(handle.pid, 'x'), e2b.NotFoundError)
})

await check('commands: one whose time is up', async () => {
  await refused(box.commands.run('exec tail -f /dev/null', { timeoutMs: 300 }), e2b.TimeoutError)
})

// The account's sandboxes

await check('connect', async () => {
  const other = await Sandbox.connect(box.sandboxId)
  assert.equal(await other.files.read('notes/a.txt'), 'x')
})

await check('secure: nothing without the token', async () => {
  const url = process.env.E2B_SANDBOX_URL
  const headers = toBox()
  assert.equal((await fetch(`${url}/files?path=empty`, { headers })).status, 401)
  const list = await fetch(`${url}/process.Process/List`, {
    method: 'POST', body: '{}', headers: { ...headers, 'Content-Type': 'application/json' } })
  assert.equal(list.status, 401)
  assert.equal((await fetch(`${url}/health`, { headers })).status, 204)
})

await check('setTimeout', async () => {
  await box.setTimeout(300_000)
  const { endAt } = await box.getInfo()
  assert.ok(Math.abs(endAt - Date.now() - 300_000) < 5000, endAt)
})

await check('connect gives time, and takes none', async () => {
  await Sandbox.connect(box.sandboxId, { timeoutMs: 600_000 })
  assert.ok((await box.getInfo()).endAt - Date.now() > 500_000)
  await Sandbox.connect(box.sandboxId, { timeoutMs: 10_000 })
  assert.ok((await box.getInfo()).endAt - Date.now() > 500_000)
})

await check('list: by metadata, by pages, and no more than allowed', async () => {
  const made = []
  for (let i = 1; i < Number(mostSandboxes); ++i) {
    made.push(await Sandbox.create('base', { metadata: { owner: 'pages', odd: `n ${i}&=%` } }))
  }
  await refused(Sandbox.create('base'), e2b.RateLimitError, /maximum number of concurrent/)
  const ids = []
  const pages = Sandbox.list({ query: { metadata: { owner: 'pages' } }, limit: 2 })
  while (pages.hasNext) {
    const page = await pages.nextItems()
    assert.ok(page.length >= 1 && page.length <= 2)
    ids.push(...page.map(sandbox => sandbox.sandboxId))
  }
  assert.deepEqual(ids, made.map(sandbox => sandbox.sandboxId).reverse())
  const oldest = await Sandbox.list({ order: 'asc', limit: 1 }).nextItems()
  assert.equal(oldest[0].sandboxId, box.sandboxId)
  const odd = await Sandbox.list({ query: { metadata: { odd: 'n 1&=%' }, state: ['running'] } }).nextItems()
  assert.deepEqual(odd.map(sandbox => sandbox.metadata.odd), ['n 1&=%'])
  assert.deepEqual(await Sandbox.list({ query: { state: ['paused'] } }).nextItems(), [])
  assert.deepEqual(await Sandbox.list({ query: { metadata: { owner: 'none' } } }).nextItems(), [])
  assert.deepEqual(await Sandbox.list({ query: { template: 'other' } }).nextItems(), [])
  const ofLate = async since => (await Sandbox.list({ query: { startedAfter: new Date(since) } }).nextItems()).length
  assert.deepEqual([await ofLate(Date.now() - 3600_000), await ofLate(Date.now() + 3600_000)], [made.length + 1, 0])
  assert.ok((await Promise.all(made.map(sandbox => sandbox.kill()))).every(killed => killed))
})

await check('a sandbox whose time is up', async () => {
  const brief = await Sandbox.create('base')
  const handle = await brief.commands.run('exec tail -f /dev/null', { background: true })
  await brief.setTimeout(1000)
  await refused(handle.wait(), e2b.TimeoutError)
  assert.equal(await brief.isRunning(), false)
  await refused(brief.getInfo(), e2b.SandboxNotFoundError)
  await refused(brief.files.read('empty'), e2b.TimeoutError)
  await refused(brief.commands.run('true'), e2b.SandboxNotFoundError)
  await refused(brief.setTimeout(1000), e2b.NotFoundError)
  await refused(brief.connect(), e2b.NotFoundError)
})

await check('kill, and again', async () => {
  const handle = await box.commands.run('exec tail -f /dev/null', { background: true })
  assert.equal(await box.kill(), true)
  await refused(handle.wait(), e2b.TimeoutError)
  assert.equal(await Sandbox.kill(box.sandboxId), false)
  assert.deepEqual(await Sandbox.list().nextItems(), [])
})

await check('errors of the account', async () => {
  const apiKey = 'e2b_' + 'f'.repeat(40)
  await refused(Sandbox.create('base', { apiKey }), e2b.AuthenticationError)
  await refused(Sandbox.list({ apiKey }).nextItems(), e2b.AuthenticationError)
  await refused(Sandbox.create('no-such-template'), e2b.SandboxError, /404.*not found/)
  await refused(Sandbox.create('base', { timeoutMs: 100 * 3600_000 }), e2b.SandboxError, /400.*Timeout cannot/)
})

process.exit(failures ? 1 : 0)
