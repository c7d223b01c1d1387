// socket.io: what is sent comes back, to all who are in the room.
//   node socket_server.cjs NODE_MODULES PORT
const [modules, port] = process.argv.slice(2)
const { Server } = require(`${modules}/socket.io`)
const http = require('http').createServer()
const io = new Server(http, { maxHttpBufferSize: 1e7 })

io.on('connection', socket => {
  socket.on('join', (room, done) => { socket.join(room); done(port) })
  socket.on('say', (room, text) => io.to(room).emit('said', text))
  socket.on('echo', (bytes, done) => done(bytes))
})
http.listen(Number(port), '127.0.0.1', () => console.log('ready'))
