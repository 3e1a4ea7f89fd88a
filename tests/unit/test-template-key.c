// SPDX-License-Identifier: Apache-2.0
/* Keys of templates: whatever shapes a VM changes the key, and nothing else does. */
#include "template/template-key.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "lib/alloc.h"
#include "lib/io.h"
#include "template/template-digest.h"
#include "tests/unit/temporary.h"
#include "tests/unit/test.h"

static const char *const parameters[] = {"a=b"};
static const char *const other_parameters[] = {"a=c"};
static const char *const extra[] = {"-device", "x"};

static const struct qemu_config base_config = {
	.program = "/usr/bin/qemu",
	.cpus = 1,
	.memory = UINT64_C(256) << 20,
	.memory_fd = -1,
	.kernel = "/kernel",
	.initrd = "/initrd",
	.kernel_parameters = parameters,
	.n_kernel_parameters = 1,
	.console_fd = -1,
	.qmp_fd = -1,
};

static char processor[] = "a processor", other_processor[] = "another", release[] = "6.1 #1";

static const struct template_facts base_facts = {
	.program = {1, 2, 3, 4},
	.kernel = {5, 6, 7, 8},
	.initrd = {9, 10, 11, 12},
	.virtiofsd_path = "/virtiofsd",
	.virtiofsd = {13, 14, 15, 16},
	.processor = processor,
};

static struct template_key key_of(const struct qemu_config *config,
				  const struct template_facts *facts)
{
	_cleanup_free_ char *recipe = NULL;

	CHECK_INT(template_recipe(config, facts, &recipe, NULL), ==, 0);
	return template_recipe_key(recipe);
}

static struct template_key base_key(void)
{
	return key_of(&base_config, &base_facts);
}

static void check_differs(const struct qemu_config *config, const struct template_facts *facts,
			  const char *what)
{
	struct template_key a = base_key(), b = key_of(config, facts);

	printf("# %s\n", what);
	CHECK(template_key_valid(b.hex));
	CHECK(strcmp(a.hex, b.hex) != 0);
}

#define CONFIG_DIFFERS(member, value)                          \
	do {                                                   \
		struct qemu_config changed = base_config;      \
		changed.member = (value);                      \
		check_differs(&changed, &base_facts, #member); \
	} while (0)

#define FACT_DIFFERS(member, value)                       \
	do {                                              \
		struct template_facts f = base_facts;     \
		f.member = (value);                       \
		check_differs(&base_config, &f, #member); \
	} while (0)

static void test_config(void)
{
	CONFIG_DIFFERS(program, "/usr/bin/other");
	CONFIG_DIFFERS(arch, VM_ARCH_AARCH64);
	CONFIG_DIFFERS(kvm, true);
	CONFIG_DIFFERS(cpu_model, "host");
	CONFIG_DIFFERS(cpus, 2);
	CONFIG_DIFFERS(max_cpus, 4);
	CONFIG_DIFFERS(memory, UINT64_C(512) << 20);
	CONFIG_DIFFERS(max_memory, UINT64_C(512) << 20);
	CONFIG_DIFFERS(kernel, "/other");
	CONFIG_DIFFERS(initrd, "/other");
	CONFIG_DIFFERS(initrd, NULL);
	CONFIG_DIFFERS(kernel_parameters, other_parameters);
	CONFIG_DIFFERS(n_kernel_parameters, 0);
	CONFIG_DIFFERS(root_ports, 7);
}

static void test_facts(void)
{
	FACT_DIFFERS(program.size, 99);
	FACT_DIFFERS(program.inode, 99);
	FACT_DIFFERS(program.mtime_sec, 99);
	FACT_DIFFERS(program.mtime_nsec, 99);
	FACT_DIFFERS(kernel.size, 99);
	FACT_DIFFERS(kernel.inode, 99);
	FACT_DIFFERS(kernel.mtime_sec, 99);
	FACT_DIFFERS(kernel.mtime_nsec, 99);
	FACT_DIFFERS(initrd.size, 99);
	FACT_DIFFERS(initrd.inode, 99);
	FACT_DIFFERS(initrd.mtime_sec, 99);
	FACT_DIFFERS(initrd.mtime_nsec, 99);
	FACT_DIFFERS(virtiofsd_path, "/other");
	FACT_DIFFERS(virtiofsd_path, NULL);
	FACT_DIFFERS(virtiofsd.size, 99);
	FACT_DIFFERS(virtiofsd.mtime_sec, 99);
	FACT_DIFFERS(processor, other_processor);
	FACT_DIFFERS(release, release);
}

/* What is another in every start. */
static void test_same(void)
{
	const struct qemu_chardev chardev = {"c", 7};
	struct template_key a = base_key(), b;
	struct qemu_config c = base_config;

	c.name = "name";
	c.memory_fd = 5;
	c.console_fd = 6;
	c.qmp_fd = 7;
	c.chardevs = &chardev;
	c.n_chardevs = 1;
	c.paused = true;
	c.incoming = true;
	c.tsc_khz = 2400123;
	b = key_of(&c, &base_facts);
	CHECK_STR(a.hex, b.hex);
}

/* A string cannot pass for two lines. */
static void test_injection(void)
{
	static const char *const one[] = {"x\"\nargument \"y"}, *const two[] = {"x", "y"};
	struct qemu_config a = base_config, b = base_config;
	struct template_key ka, kb;

	a.kernel_parameters = one;
	a.n_kernel_parameters = 1;
	b.kernel_parameters = two;
	b.n_kernel_parameters = 2;
	ka = key_of(&a, &base_facts);
	kb = key_of(&b, &base_facts);
	CHECK(strcmp(ka.hex, kb.hex) != 0);
}

static void test_invalid(void)
{
	_cleanup_error_ struct error err = ERROR_INIT;
	_cleanup_free_ char *recipe = NULL;
	struct qemu_config c = base_config;

	c.memory = 1;
	CHECK_INT(template_recipe(&c, &base_facts, &recipe, &err), ==, -EINVAL);
	c = base_config;
	c.extra = extra;
	c.n_extra = 2;
	CHECK(!template_possible(&c));
	CHECK_INT(template_recipe(&c, &base_facts, &recipe, &err), ==, -ENOTSUP);
	CHECK(!template_key_valid(""));
	CHECK(!template_key_valid(".."));
	CHECK(!template_key_valid("0123456789abcdef0123456789abcdeF"));
	CHECK(!template_key_valid("0123456789abcdef0123456789abcdef0"));
	CHECK(template_key_valid("0123456789abcdef0123456789abcdef"));
}

static char *make_file(const char *name, const char *text)
{
	char *path = xasprintf("%s/%s", temporary_dir(), name);
	_cleanup_close_ int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	CHECK_INT(io_write_all(fd, text, strlen(text)), ==, 0);
	return path;
}

/* The files as they are: a change is a new key, and the old recipe fits no longer. */
static void test_files(void)
{
	_cleanup_free_ char *program = make_file("qemu \"quoted\"", "p"),
			    *kernel = make_file("k", "k"), *initrd = make_file("i", "i"),
			    *recipe = NULL, *again = NULL;
	struct qemu_config c = base_config;
	struct template_key a, b;

	c.program = program;
	c.kernel = kernel;
	c.initrd = initrd;
	CHECK_INT(template_key_make(&c, &a, NULL), ==, 0);
	CHECK_INT(template_key_make(&c, &b, NULL), ==, 0);
	CHECK_STR(a.hex, b.hex);
	CHECK_INT(template_recipe_make(&c, &recipe, NULL), ==, 0);
	CHECK(template_recipe_fits(recipe));
	free(make_file("k", "longer"));
	CHECK(!template_recipe_fits(recipe));
	CHECK_INT(template_key_make(&c, &b, NULL), ==, 0);
	CHECK(strcmp(a.hex, b.hex) != 0);
	/* The same content in another file. */
	CHECK_INT(template_recipe_make(&c, &again, NULL), ==, 0);
	CHECK(template_recipe_fits(again));
	CHECK_INT(rename(initrd, program), ==, 0);
	free(make_file("i", "i"));
	CHECK(!template_recipe_fits(again));
	CHECK_INT(unlink(initrd), ==, 0);
	CHECK_INT(template_key_make(&c, &b, NULL), ==, -ENOENT);
}

static void test_fits_words(void)
{
	CHECK(!template_recipe_fits("format 0\n"));
	CHECK(!template_recipe_fits("processor \"no such\"\n"));
	CHECK(!template_recipe_fits("release \"no such\"\n"));
	CHECK(!template_recipe_fits("file 1 2 3.4 nothing\n"));
	CHECK(!template_recipe_fits("file 1 2 3.4 \"/no/such\"\n"));
	CHECK(template_recipe_fits("argument \"x\"\n"));
}

static void check_sha256(const char *text, const char *hex)
{
	uint8_t digest[SHA256_SIZE];
	char got[2 * SHA256_SIZE + 1];

	digest_sha256(text, strlen(text), digest);
	for (int i = 0; i < SHA256_SIZE; i++)
		snprintf(got + 2 * i, 3, "%02x", digest[i]);
	CHECK_STR(got, hex);
}

/* From FIPS 180-4's examples; the others by sha256sum: lengths about a block's end. */
static void test_sha256(void)
{
	char text[120];

	check_sha256("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	check_sha256("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	check_sha256("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
		     "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
	memset(text, 'a', sizeof(text));
	text[55] = '\0';
	check_sha256(text, "9f4390f8d30c2dd92ec9f095b65e2b9ae9b0a925a5258e241c9f1e910f734318");
	text[55] = 'a';
	text[56] = '\0';
	check_sha256(text, "b35439a4ac6f0948b6d6f9e3c6af0f5f590ce20f1bde7090ef7970686ec6738a");
	memset(text, 'b', sizeof(text));
	text[119] = '\0';
	check_sha256(text, "68297a9eb141ce16bbc0847da1c0c48e2858704feaa13993bde29f87a198a6e1");
}

/* From the xxHash specification's and the library's tests. */
static void test_xxh64(void)
{
	static const char long_text[] = "Nobody inspects the spammish repetition";

	CHECK(digest_xxh64("", 0) == UINT64_C(0xef46db3751d8e999));
	CHECK(digest_xxh64("a", 1) == UINT64_C(0xd24ec4f1a98c6e5b));
	CHECK(digest_xxh64("abc", 3) == UINT64_C(0x44bc2cf5ad770999));
	CHECK(digest_xxh64(long_text, sizeof(long_text) - 1) == UINT64_C(0xfbcea83c8a378bf1));
}

int main(void)
{
	TEST_RUN(test_config);
	TEST_RUN(test_facts);
	TEST_RUN(test_same);
	TEST_RUN(test_injection);
	TEST_RUN(test_invalid);
	TEST_RUN(test_files);
	TEST_RUN(test_fits_words);
	TEST_RUN(test_sha256);
	TEST_RUN(test_xxh64);
	return test_end();
}
