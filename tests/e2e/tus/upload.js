// Uploads a file with tus-js-client over a line that is cut again and again.
//
//   upload.js URL FILE KEY_FILE SEED CUTS
//
// In between it prints `do WHAT` and waits for a line: kill-door, restart, kill-photod.  At the end: one line of JSON.
'use strict'
const fs = require('node:fs')
const readline = require('node:readline')
const tus = require('tus-js-client')
const { cutter, places } = require('./cutter.js')

async function main() {
    const [url, file, keyFile, seed, cuts] = process.argv.slice(2)
    const door = new URL(url)
    const bytes = fs.statSync(file).size
    const answers = readline.createInterface({ input: process.stdin })
    const have = (what) => () =>
        new Promise((resolve) => {
            answers.once('line', resolve)
            console.log(`do ${what}`)
        })
    const line = await cutter(Number(door.port), [
        ...places(seed, Number(cuts), bytes).map((at) => ({ at })),
        { at: Math.floor(bytes * 0.4), act: have('kill-door') },
        { at: Math.floor(bytes * 0.6), act: have('restart') },
        { at: Math.floor(bytes * 0.8), act: have('kill-photod') },
    ])
    const seen = { retries: 0, heads: 0, patches: 0, posts: 0, statuses: {} }
    const count = { HEAD: 'heads', PATCH: 'patches', POST: 'posts' }

    door.port = String(line.port)
    await new Promise((resolve, reject) => {
        new tus.Upload(fs.createReadStream(file), {
            endpoint: door.href,
            uploadSize: bytes,
            chunkSize: Infinity,
            retryDelays: [0, 100, 200, 500, 1000, 1000, 1000, 2000, 2000, 2000],
            headers: { Authorization: `Bearer ${fs.readFileSync(keyFile, 'utf8').trim()}` },
            metadata: { filename: 'photos.zip' },
            onBeforeRequest: (r) => void seen[count[r.getMethod()]]++,
            onAfterResponse: (r, a) => {
                seen.statuses[a.getStatus()] = (seen.statuses[a.getStatus()] || 0) + 1
            },
            onShouldRetry: (error, attempt, options) => {
                const status = error.originalResponse ? error.originalResponse.getStatus() : 0
                seen.retries++
                return status === 0 || status === 409 || status === 423 || status >= 500
            },
            onError: reject,
            onSuccess: resolve,
        }).start()
    })
    console.log(JSON.stringify({ bytes, cuts: line.cuts(), ...seen }))
    process.exit(0)
}

main().catch((error) => {
    console.log(`failed: ${error.message}`)
    process.exit(1)
})
