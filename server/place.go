package server

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
)

// place is where an identity directory is: on which machine, under which run of its
// kernel, and which file its lock is. A directory that was copied is at another place than
// its record says. Two machines that are clones of one another have the same places.
type place struct {
	Host   string `json:"host"` // digest of the machine's id; "": it has none
	Boot   string `json:"boot"` // digest of the id of the kernel's run; "": it has none
	Device uint64 `json:"device,string"`
	Inode  uint64 `json:"inode,string"` // of the lock; 0: not recorded
}

// placeOf returns the place of a directory with this lock.
func placeOf(lock *os.File) (place, error) {
	host, boot := machine()
	p := place{Host: digest("host", host), Boot: digest("boot", boot)}
	var err error
	p.Device, p.Inode, err = fileID(lock)
	return p, err
}

// digest hides an id, which its system may want to keep confidential; "" stays as it is.
func digest(what, id string) string {
	if id == "" {
		return ""
	}
	sum := sha256.Sum256([]byte("dsm identity " + what + " " + id))
	return hex.EncodeToString(sum[:16])
}

// moved says, for people, why a directory that was at p may be a copy if it is at now; "" if
// it is the same one. Devices have other numbers after a boot. A machine that was booted again is
// known by its id alone.
func (p place) moved(now place) string {
	switch {
	case p.Inode == 0:
		return "an earlier release recorded it, without the place of the directory"
	case p.Inode != now.Inode:
		return "it was copied or restored: its lock is another file than the recorded one"
	case p.Boot != "" && p.Boot == now.Boot:
		if p.Device != now.Device {
			return "it was copied: its lock is on another device than the recorded one"
		}
	case p.Host == "" || now.Host == "":
		return "this system has no machine id, and was booted since, or is another one"
	case p.Host != now.Host:
		return "it was recorded on another machine"
	}
	return ""
}
