// Two clients of socket.io in one room; prints what became of it as JSON.
//   node socket_client.cjs NODE_MODULES URL websocket|polling
const [modules, url, transport] = process.argv.slice(2)
const { io } = require(`${modules}/socket.io-client`)
const later = (ms, what) => new Promise((resolve, reject) => setTimeout(() => reject(new Error(what)), ms))
// Browsers keep cookies between the requests of a polling; here the client has to be told.
const options = { transports: transport === 'polling' ? ['polling'] : ['polling', 'websocket'], withCredentials: true, forceNew: true }

async function connect () {
  const socket = io(url, options)
  await new Promise((resolve, reject) => { socket.on('connect', resolve); socket.on('connect_error', reject) })
  if (transport === 'websocket') {
    await new Promise(resolve => {
      if (socket.io.engine.transport.name === 'websocket') resolve()
      else socket.io.engine.on('upgrade', resolve)
    })
  }
  return socket
}

async function main () {
  const one = await connect()
  const two = await connect()
  const servers = [await one.emitWithAck('join', 'room'), await two.emitWithAck('join', 'room')]
  const heard = new Promise(resolve => two.on('said', resolve))
  one.emit('say', 'room', 'h\u00e9llo')
  const bytes = Buffer.alloc(1 << 20, 7)
  const back = await one.emitWithAck('echo', bytes)
  const answer = {
    heard: await heard, same: Buffer.compare(bytes, Buffer.from(back)) === 0, servers,
    transports: [one.io.engine.transport.name, two.io.engine.transport.name]
  }
  one.close()
  two.close()
  return answer
}

Promise.race([main(), later(40000, 'it took too long')])
  .then(answer => { console.log(JSON.stringify(answer)); process.exit(0) })
  .catch(error => { console.error(String(error)); process.exit(1) })
