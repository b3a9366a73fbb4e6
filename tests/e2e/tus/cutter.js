// A line that is not to be relied on: hands bytes on to a port of this machine, and does what it is told to once so many
// bytes went towards it: cuts the connection, or has something done meanwhile and then cuts it.
'use strict'
const net = require('node:net')

// Where the line is cut: n places, the same for the same seed.
function places(seed, n, bytes) {
    let state = BigInt(seed)
    const next = () => {
        state = (state * 6364136223846793005n + 1442695040888963407n) & ((1n << 64n) - 1n)
        return Number(state >> 33n) / 2 ** 31
    }
    return Array.from({ length: n }, () => Math.floor((0.02 + 0.96 * next()) * bytes)).sort((a, b) => a - b)
}

// events: [{ at, act }], act: undefined or an async function.  Resolves to { port, cuts() }.
function cutter(target, events) {
    const due = [...events].sort((a, b) => a.at - b.at)
    let passed = 0
    let cuts = 0
    const server = net.createServer((client) => {
        const door = net.connect(target, '127.0.0.1')
        const end = () => {
            client.destroy()
            door.destroy()
        }
        const hand_on = async (bytes) => {
            passed += bytes.length
            if (!due.length || passed < due[0].at) {
                if (!door.write(bytes)) client.pause()
                return
            }
            const event = due.shift()
            client.pause()
            door.write(bytes.subarray(0, Math.floor(bytes.length / 2)))
            if (event.act) await event.act()
            cuts++
            end()
        }
        client.on('data', hand_on)
        door.on('drain', () => client.resume())
        door.on('data', (bytes) => client.write(bytes))
        for (const s of [client, door]) s.on('error', end).on('close', end)
    })
    return new Promise((resolve) =>
        server.listen(0, '127.0.0.1', () =>
            resolve({ port: server.address().port, cuts: () => cuts, close: () => server.close() }),
        ),
    )
}

module.exports = { cutter, places }

// Alone: cutter.js PORT SEED CUTS BYTES; prints its port, and at the end of its input how often it cut.
if (require.main === module) {
    const [port, seed, cuts, bytes] = process.argv.slice(2).map(Number)
    cutter(port, places(seed, cuts, bytes).map((at) => ({ at }))).then((line) => {
        console.log(line.port)
        process.stdin.on('end', () => {
            console.log(line.cuts())
            process.exit(0)
        })
        process.stdin.resume()
    })
}
