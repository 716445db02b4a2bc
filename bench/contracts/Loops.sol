// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

/// Loops that do one thing each, and a picture.
contract Loops {
    mapping(uint256 => uint256) private slots;

    /// Hashes a word, and that hash, and so on.
    function hash(uint256 rounds) external pure returns (bytes32 digest) {
        for (uint256 i = 0; i < rounds; ++i) {
            digest = keccak256(abi.encodePacked(digest, i));
        }
    }

    /// Multiplies, adds, divides, shifts.
    function arithmetic(uint256 rounds) external pure returns (uint256 sum) {
        unchecked {
            uint256 x = 0x9e3779b97f4a7c15f39cc0605cedc8341082276bf3a27251f86c6a11d0c18e95;
            for (uint256 i = 0; i < rounds; ++i) {
                x = x * 6364136223846793005 + i;
                sum += (x >> 64) / (i + 3) ^ (x << 7);
            }
        }
    }

    /// Writes slots that were empty, and then other values into them.
    function store(uint256 from, uint256 count) external {
        for (uint256 i = from; i < from + count; ++i) {
            slots[i] = i + 1;
        }
        for (uint256 i = from; i < from + count; ++i) {
            slots[i] += 7;
        }
    }

    /// Renders `width` × `width` pixels of a few spheres over a plane, in fixed-point numbers with 32 bits after the
    /// point; the sum of all brightnesses.
    function trace(uint256 width) external pure returns (uint256 sum) {
        unchecked {
            for (uint256 row = 0; row < width; ++row) {
                for (uint256 column = 0; column < width; ++column) {
                    int256 x = (int256(column * 2) - int256(width)) * ONE / int256(width);
                    int256 y = (int256(width) - int256(row * 2)) * ONE / int256(width);
                    int256 length = root(x * x + y * y + ONE * ONE);
                    Ray memory ray = Ray(Point(0, ONE / 2, -3 * ONE), Point(x * ONE / length, y * ONE / length, ONE * ONE / length));
                    sum += uint256(brightness(ray, 2));
                }
            }
        }
    }

    int256 private constant ONE = 1 << 32;

    struct Point {
        int256 x;
        int256 y;
        int256 z;
    }

    struct Ray {
        Point from;
        Point direction;
    }

    function sphere(uint256 index) private pure returns (Point memory center, int256 radius) {
        if (index == 0) return (Point(0, ONE / 2, 0), ONE / 2);
        if (index == 1) return (Point(-ONE, ONE / 4, ONE), ONE / 4);
        return (Point(ONE, ONE, 2 * ONE), ONE);
    }

    function brightness(Ray memory ray, uint256 bounces) private pure returns (int256) {
        unchecked {
            int256 nearest = type(int256).max;
            Point memory center;
            for (uint256 index = 0; index < 3; ++index) {
                (Point memory candidate, int256 radius) = sphere(index);
                int256 distance = hit(ray, candidate, radius);
                if (distance > ONE / 1000 && distance < nearest) {
                    nearest = distance;
                    center = candidate;
                }
            }
            if (nearest == type(int256).max) {
                // The plane is a chequerboard, the sky gets brighter upwards.
                if (ray.direction.y >= 0) return ONE / 4 + ray.direction.y / 2;
                int256 away = -ray.from.y * ONE / ray.direction.y;
                int256 u = (ray.from.x + away * ray.direction.x / ONE) >> 32;
                int256 v = (ray.from.z + away * ray.direction.z / ONE) >> 32;
                return (u + v) & 1 == 0 ? ONE / 8 : ONE / 2;
            }
            Point memory place = along(ray, nearest);
            Point memory normal = unit(Point(place.x - center.x, place.y - center.y, place.z - center.z));
            int256 light = dot(normal, Point(ONE / 2, 3 * ONE / 4, -ONE * 2 / 5));
            if (light < ONE / 10) light = ONE / 10;
            if (bounces == 0) return light;
            int256 twice = 2 * dot(ray.direction, normal);
            Point memory reflected = Point(
                ray.direction.x - twice * normal.x / ONE,
                ray.direction.y - twice * normal.y / ONE,
                ray.direction.z - twice * normal.z / ONE
            );
            return (light * 3 + brightness(Ray(place, unit(reflected)), bounces - 1)) / 4;
        }
    }

    /// Distance to a sphere; 0 if the ray goes by.
    function hit(Ray memory ray, Point memory center, int256 radius) private pure returns (int256) {
        unchecked {
            Point memory to = Point(center.x - ray.from.x, center.y - ray.from.y, center.z - ray.from.z);
            int256 middle = dot(to, ray.direction);
            if (middle <= 0) return 0;
            int256 squared = middle * middle - (to.x * to.x + to.y * to.y + to.z * to.z) + radius * radius;
            if (squared <= 0) return 0;
            return middle - root(squared);
        }
    }

    function along(Ray memory ray, int256 distance) private pure returns (Point memory) {
        unchecked {
            return Point(
                ray.from.x + distance * ray.direction.x / ONE,
                ray.from.y + distance * ray.direction.y / ONE,
                ray.from.z + distance * ray.direction.z / ONE
            );
        }
    }

    function unit(Point memory point) private pure returns (Point memory) {
        unchecked {
            int256 length = root(point.x * point.x + point.y * point.y + point.z * point.z);
            if (length == 0) return point;
            return Point(point.x * ONE / length, point.y * ONE / length, point.z * ONE / length);
        }
    }

    function dot(Point memory a, Point memory b) private pure returns (int256) {
        unchecked {
            return (a.x * b.x + a.y * b.y + a.z * b.z) / ONE;
        }
    }

    /// Newton's.
    function root(int256 square) private pure returns (int256) {
        unchecked {
            uint256 x = uint256(square);
            if (x == 0) return 0;
            uint256 guess = 1;
            uint256 rest = x;
            while (rest > 3) {
                rest >>= 2;
                guess <<= 1;
            }
            for (uint256 i = 0; i < 7; ++i) guess = (guess + x / guess) >> 1;
            return int256(guess);
        }
    }
}
