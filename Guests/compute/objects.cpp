// C++: virtual calls through objects of many classes, objects that are made and destroyed, std::map and std::string, and
// exceptions that are thrown through several frames.

#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

extern "C" {
#include "programs.h"
uint64_t run_objects(void);
}

namespace {

struct Shape {
    virtual ~Shape() = default;
    virtual uint64_t area() const = 0;
    virtual void grow(uint64_t by) = 0;
};
struct Square : Shape {
    uint64_t side;
    explicit Square(uint64_t side) : side(side) {}
    uint64_t area() const override { return side * side; }
    void grow(uint64_t by) override { side += by & 3; }
};
struct Rectangle : Shape {
    uint64_t width, height;
    Rectangle(uint64_t width, uint64_t height) : width(width), height(height) {}
    uint64_t area() const override { return width * height; }
    void grow(uint64_t by) override { (by & 1 ? width : height) += 1; }
};
struct Triangle : Shape {
    uint64_t base, height;
    Triangle(uint64_t base, uint64_t height) : base(base), height(height) {}
    uint64_t area() const override { return base * height / 2; }
    void grow(uint64_t by) override { base ^= by & 7; }
};
// A shape that has others.
struct Group : Shape {
    std::vector<std::unique_ptr<Shape>> parts;
    uint64_t area() const override {
        uint64_t sum = 0;
        for (const auto &part : parts) sum += part->area();
        return sum;
    }
    void grow(uint64_t by) override {
        for (const auto &part : parts) part->grow(by++);
    }
};

std::unique_ptr<Shape> make(uint64_t &random, int depth) {
    uint64_t number = next_random(&random);
    switch (number >> 20 & 3) {
    case 0: return std::make_unique<Square>(number & 63);
    case 1: return std::make_unique<Rectangle>(number & 63, number >> 6 & 63);
    case 2: return std::make_unique<Triangle>(number & 63, number >> 6 & 63);
    default: {
        auto group = std::make_unique<Group>();
        if (depth > 0) {
            for (int part = 0; part < 4; part++) group->parts.push_back(make(random, depth - 1));
        }
        return group;
    }
    }
}

uint64_t call_virtually() {
    uint64_t random = 1, checksum = 0;
    for (int round = 0; round < 12; round++) {
        std::vector<std::unique_ptr<Shape>> shapes;
        for (int index = 0; index < 1500; index++) shapes.push_back(make(random, 3));
        for (int pass = 0; pass < 12; pass++) {
            uint64_t sum = 0;
            for (const auto &shape : shapes) {
                sum += shape->area();
                shape->grow(sum);
            }
            checksum = mix(checksum, sum);
        }
    }
    return checksum;
}

uint64_t use_containers() {
    uint64_t random = 2, checksum = 0;
    std::map<std::string, uint64_t> counts;
    for (int index = 0; index < 60000; index++) {
        counts["name-" + std::to_string(next_random(&random) >> 40 & 4095)] += static_cast<uint64_t>(index);
    }
    for (const auto &entry : counts) checksum = mix(checksum, entry.second + entry.first.size());
    return checksum;
}

// Throws at the bottom for some numbers; each frame on the way has something to destroy.
__attribute__((noinline)) uint64_t descend(uint64_t number, int depth) {
    std::string text(number & 31, 'x');
    if (depth == 0) {
        if (number % 3 == 0) throw std::out_of_range(text);
        if (number % 3 == 1) throw std::runtime_error(text);
        return text.size();
    }
    return descend(number, depth - 1) + text.size();
}

uint64_t throw_exceptions() {
    uint64_t random = 3, checksum = 0;
    for (int index = 0; index < 12000; index++) {
        try {
            checksum = mix(checksum, descend(next_random(&random) >> 20, 5));
        } catch (const std::out_of_range &error) {
            checksum = mix(checksum, std::string(error.what()).size() + 100);
        } catch (const std::exception &error) {
            checksum = mix(checksum, std::string(error.what()).size() + 200);
        }
    }
    return checksum;
}

}  // namespace

uint64_t run_objects(void) { return mix(mix(call_virtually(), use_containers()), throw_exceptions()); }
