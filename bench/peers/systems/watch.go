package systems

// watchConns is how many connections the watchers of a system share. They are opened for
// them, spread over the servers, and carry nothing else.
const watchConns = 12
