/* Any certificate of a server: whom it is for is read within bounds. The first byte chooses the
 * host. */
#include <stdint.h>
#include <string.h>

#include "../lib/require.h"
#include "base/tls.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const hosts[] = {"mx.example.com", "192.0.2.1", "2001:db8::1", ""};
	struct tls_peer p;

	if (size == 0 || !tls_peer_read(data + 1, size - 1, hosts[data[0] % 4], &p))
		return 0;
	require(strlen(p.subject) < sizeof(p.subject), "a subject ends");
	require(strlen(p.names) < sizeof(p.names), "names end");
	require(!p.common_name_only || *p.names != '\0', "a common name is a name");
	return 0;
}
