// Package systems starts the stores that are compared, each on this machine, each
// as its own documentation has it for speed without a disk, and opens the clients
// that suit it best. The module's README says which, and why.
package systems
