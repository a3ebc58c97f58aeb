package hostport

import (
	"strings"
	"testing"
)

func TestAddresses(t *testing.T) {
	const both = ""                                                  // is fine
	for _, test := range []struct{ addr, dialled, listened string }{ // what the refusals say
		{"127.0.0.1:7000", both, both},
		{"n1:7000", both, both},
		{"n1.example.com.:65535", both, both},
		{"node_1-a.example:1", both, both},
		{"bücher.example:1", "neither", "neither"},
		{"[::1]:7000", both, both},
		{"[fe80::1%eth0]:7000", both, both},
		{"[::ffff:10.0.0.1]:7000", both, both},
		{":7000", "the host is missing", ""},
		{"127.0.0.1:0", "from 1 to 65535", ""},
		{"0.0.0.0:7000", "cannot be dialled", ""},
		{"[::]:7000", "cannot be dialled", ""},
		{"[0:0:0:0:0:0:0:0]:7000", "cannot be dialled", ""},
		{"[::ffff:0.0.0.0]:7000", "cannot be dialled", ""},
		{"[::%eth0]:7000", "cannot be dialled", ""},
		{"0.1.2.3:7000", "not the address of a host", ""},
		{"[::ffff:0.1.2.3]:7000", "not the address of a host", ""},
		{"[fe80::1]:7000", "a link-local address", ""},
		{"169.254.0.1:7000", both, both},
		{"255.255.255.255:7000", "many hosts", ""},
		{"224.0.0.1:7000", "many hosts", "many hosts"},
		{"[ff02::1]:7000", "many hosts", "many hosts"},
		{"", "must be host:port", "must be host:port"},
		{"n1", "must be host:port", "must be host:port"},
		{"7000", "must be host:port", "must be host:port"},
		{"n1:", "the port must be", "the port must be"},
		{"n1:http", "the port must be", "the port must be"},
		{"n1:65536", "the port must be", "the port must be"},
		{"n1:-1", "the port must be", "the port must be"},
		{"http://n1:7000", "without a scheme", "without a scheme"},
		{"dsm://n1:7000", "without a scheme", "without a scheme"},
		{"::1:7000", "in brackets", "in brackets"},
		{"fe80::1", "in brackets", "in brackets"},
		{" n1:7000", "without spaces", "without spaces"},
		{"n1:7000\n", "without spaces", "without spaces"},
		{"n 1:7000", "without spaces", "without spaces"},
		{"0:7000", "no IP address", "no IP address"},
		{"127.1:7000", "no IP address", "no IP address"},
		{"10.0.0.256:7000", "no IP address", "no IP address"},
		{"[n1]:7000", both, both},
		{"n1/24:7000", "neither", "neither"},
		{"user@n1:7000", "neither", "neither"},
		{"n1,n2:7000", "neither", "neither"},
	} {
		for _, check := range []struct {
			name string
			err  error
			want string
		}{{"Dialled", Dialled(test.addr), test.dialled}, {"Listened", Listened(test.addr), test.listened}} {
			switch {
			case (check.err == nil) != (check.want == ""):
				t.Errorf("%s(%q) returns %v, want %q", check.name, test.addr, check.err, check.want)
			case check.err != nil && !strings.Contains(check.err.Error(), check.want):
				t.Errorf("%s(%q) returns %q, want %q in it", check.name, test.addr, check.err, check.want)
			}
		}
	}
}
