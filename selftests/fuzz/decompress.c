// SPDX-License-Identifier: MIT
/*
 * Decompression: what a peer sends comes out as exactly as many bytes as it
 * announced, or is refused; and nothing is touched beyond them.
 */
#include <errno.h>

#include "fuzz.h"

#include "frame/compress.h"

/* Messages that both ends' dictionary is good for. */
static const char dictionary[] =
	"{\"jsonrpc\":\"2.0\",\"method\":\"textDocument/completion\","
	"\"params\":{\"textDocument\":{\"uri\":\"file:///home/\"},"
	"\"position\":{\"line\":1,\"character\":2}}}";

/* @original: 16 bits, so that the memory for it is what is touched. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct fastipc_compress_settings *settings;
	static uint32_t own;
	struct fastipc_unpacker unpacker = { 0 };
	struct fastipc_packed packed = { 0 };
	uint8_t *from, *to;
	int ret;

	if (!settings) {
		const struct fastipc_compress_options options = {
			.compression = FASTIPC_COMPRESSION_ZSTD,
			.level = 1,
			.dictionary = dictionary,
			.dictionary_size = sizeof(dictionary),
		};

		EXPECT(!fastipc_compress_configure(&options, &settings));
		own = fastipc_crc32c(0, dictionary, sizeof(dictionary));
	}
	packed.algorithm = fuzz_choice(&data, &size) % 5;
	packed.original = fuzz_choice(&data, &size);
	packed.original |= fuzz_choice(&data, &size) << 8;
	if (!packed.original)
		return 0;
	if (packed.algorithm == FASTIPC_ALGORITHM_ZSTD_DICTIONARY)
		packed.dictionary = own;
	from = fuzz_copy(data, size);
	to = malloc(packed.original);
	ret = fastipc_unpack(&unpacker, settings, &packed, from, (uint32_t)size,
			     to);
	EXPECT(!ret || ret == -EPROTO);
	/* Each byte that is given out was written. */
	for (uint32_t i = 0; !ret && i < packed.original; i++)
		packed.dictionary ^= to[i];
	fastipc_unpacker_free(&unpacker);
	free(from);
	free(to);
	return 0;
}
